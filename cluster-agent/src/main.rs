//! `cluster-agent`: hosts clusters of HSMs and speaks the CloudHSM v2 API.
#![forbid(unsafe_code)]

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use aws_json::{Credentials, Server, ServerSettings};
use clap::Parser;
use cluster_agent::activation::ByControlPlane;
use cluster_agent::config::{Config, LogFormat};
use cluster_agent::control::{Api, ControlPlane, Parts, StoreBackups};
use cluster_agent::hsm::{Hosts, Limits};
use hsm_core::crypto::rng::SystemRng;
use hsm_core::{Clock as _, SystemClock};
use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Hosts clusters of HSMs and speaks the CloudHSM v2 API.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file, TOML.
    #[arg(long, value_name = "FILE", env = "CLUSTER_AGENT_CONFIG")]
    config: PathBuf,
    /// Check the configuration and the files it names, and end.
    #[arg(long)]
    check_config: bool,
}

/// Why the agent does not run: names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

impl Failure {
    fn at(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            use std::io::Write as _;
            // Standard error, whether or not logging has begun; if it is closed, the exit code remains.
            let _ = writeln!(std::io::stderr(), "cluster-agent: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = Config::read(&arguments.config).map_err(|error| Failure(error.0))?;
    let credentials = Credentials::load(&config.credentials).map_err(|error| Failure(error.to_string()))?;
    if arguments.check_config {
        return Ok(());
    }
    log(config.log_format)?;
    let _lock = lock(&config.state_directory)?;
    let (control, host) = control(&config)?;

    let worker = {
        let control = Arc::clone(&control);
        let work = std::thread::Builder::new().name("control".into()).spawn(move || control.run());
        work.map_err(|error| Failure::at("starting a thread", error))?
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::at("starting the runtime", error))?;
    let served = runtime.block_on(serve(&config, Arc::clone(&control), credentials));
    control.stop();
    let _ = worker.join();
    host.stop_all();
    served
}

/// The control plane and the HSMs that it runs.
fn control(config: &Config) -> Result<(Arc<ControlPlane>, Arc<Hosts>), Failure> {
    let directory = &config.state_directory;
    let rng = Arc::new(SystemRng);
    let engine = StoreBackups::open(&directory.join("backup.key"), rng.clone()).map_err(|error| Failure(error.0))?;
    let activation = Arc::new(ByControlPlane::default());
    let host = Arc::new(Hosts::new(Limits::default(), config.token_settings(), activation.clone()));
    let parts = Parts { host: host.clone(), engine: Arc::new(engine), clock: Arc::new(SystemClock), rng };
    let control = ControlPlane::open(directory, config.control(), &config.subnets, parts);
    let control = Arc::new(control.map_err(|error| Failure(error.to_string()))?);
    activation.name(Arc::downgrade(&control));
    Ok((control, host))
}

fn log(format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    begun.map_err(|error| Failure::at("logging", error))
}

/// Makes the state directory, for its owner alone, and takes it for this process until it ends, however it ends.
fn lock(directory: &Path) -> Result<File, Failure> {
    let failed = |error: std::io::Error| Failure::at(directory.display(), error);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let file = directory.join("lock");
    let open = File::options().create(true).truncate(false).write(true).open(&file).map_err(failed)?;
    flock(&open, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        Failure::at(directory.display(), "another cluster-agent uses this state directory: stop it, or use another")
    })?;
    Ok(open)
}

/// Serves the API until SIGTERM or SIGINT, then finishes the requests at work.
async fn serve(config: &Config, control: Arc<ControlPlane>, credentials: Credentials) -> Result<(), Failure> {
    let mut settings = ServerSettings::new(Arc::new(|| SystemClock.now()));
    let measured = Arc::clone(&control);
    settings.metrics = Some(Arc::new(move || {
        measured.metrics().unwrap_or_else(|refusal| {
            tracing::error!(cause = %refusal, "no metrics");
            String::new()
        })
    }));
    let failed = |error| Failure::at("signals", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let server = Server::bind(config.listen, settings, credentials, Api(control));
    let server = server.map_err(|error| Failure(error.to_string()))?;
    ready(&server);
    server
        .run(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        })
        .await;
    Ok(())
}

/// Says where the API is, to whoever started the agent.
fn ready(server: &Server) {
    use std::io::Write as _;
    let address = server.local_addr();
    tracing::info!(%address, "ready");
    // Nobody needs to listen: neither a closed standard output nor the absence of systemd is a failure.
    let _ = writeln!(std::io::stdout(), "listening on {address}");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}
