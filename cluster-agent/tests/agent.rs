//! The agent as people run it: the real binary, the real AWS CLI, kill -9.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fixture;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

struct Agent {
    process: Child,
    endpoint: String,
}

impl Agent {
    /// Starts the agent and waits for its line of readiness.
    fn start(directory: &Path) -> Self {
        let mut process = command(directory).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("not ready: {line}"));
        Self { endpoint: format!("http://{address}"), process }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// `aws cloudhsmv2 …`.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut aws = Command::new("aws");
        aws.args(["--endpoint-url", &self.endpoint, "--output", "json", "cloudhsmv2"]).args(arguments);
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-tests"),
            ("AWS_DEFAULT_REGION", "us-west-2"),
            ("AWS_PAGER", ""),
            ("AWS_MAX_ATTEMPTS", "1"),
        ] {
            aws.env(name, value);
        }
        aws.output().unwrap()
    }

    fn aws(&self, arguments: &[&str]) -> Value {
        let done = self.run(arguments);
        assert!(done.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        if done.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&done.stdout).unwrap() }
    }

    /// The cluster, once `condition` holds; each look is a whole run of the CLI.
    fn cluster_when(&self, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..60 {
            let shown = self.aws(&["describe-clusters", "--filters", &format!("clusterIds={id}")]);
            let cluster = shown["Clusters"][0].clone();
            if condition(&cluster) {
                return cluster;
            }
        }
        panic!("{id} did not get there");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(directory: &Path) -> Command {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_cluster-agent"));
    agent.arg("--config").arg(directory.join("agent.toml")).env("RUST_LOG", "warn");
    agent
}

fn configured() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let credentials = directory.path().join("credentials.toml");
    let key = "[[access_key]]\nid = 'AKIAEXAMPLE'\nsecret = 'a-secret-of-the-tests'\naccount = '111122223333'\n\
               principal = 'arn:aws:iam::111122223333:user/tests'\n";
    std::fs::write(&credentials, key).unwrap();
    std::fs::set_permissions(&credentials, std::fs::Permissions::from_mode(0o600)).unwrap();
    let path = directory.path().display();
    let config = format!(
        "state_directory = '{path}/state'\ncredentials = '{path}/credentials.toml'\nlisten = '127.0.0.1:0'\nhsm_port = 0\n"
    );
    std::fs::write(directory.path().join("agent.toml"), config).unwrap();
    directory
}

#[test]
fn the_aws_cli_takes_a_cluster_through_its_life_and_two_kills() {
    let directory = configured();
    let agent = Agent::start(directory.path());
    let subnets = ["subnet-0a1b2c3d", "subnet-0b2c3d4e"];
    let create = ["create-cluster", "--hsm-type", "hsm2m.medium", "--subnet-ids", subnets[0], subnets[1]];
    let made = agent.aws(&create);
    assert_eq!(made["Cluster"]["State"], "CREATE_IN_PROGRESS");
    let id = made["Cluster"]["ClusterId"].as_str().unwrap().to_owned();
    agent.cluster_when(&id, |cluster| cluster["State"] == "UNINITIALIZED");
    agent.aws(&["create-hsm", "--cluster-id", &id, "--availability-zone", "us-west-2a"]);
    agent.kill();

    let agent = Agent::start(directory.path());
    let ready = agent.cluster_when(&id, |cluster| cluster["Hsms"][0]["State"] == "ACTIVE");
    let (signed, anchor) = fixture::sign(ready["Certificates"]["ClusterCsr"].as_str().unwrap());
    std::fs::write(directory.path().join("signed.crt"), signed).unwrap();
    std::fs::write(directory.path().join("anchor.crt"), anchor).unwrap();
    let file = |name: &str| format!("file://{}", directory.path().join(name).display());
    let (signed, anchor) = (file("signed.crt"), file("anchor.crt"));
    let swapped = ["initialize-cluster", "--cluster-id", &id, "--signed-cert", &anchor, "--trust-anchor", &signed];
    let refused = String::from_utf8(agent.run(&swapped).stderr).unwrap();
    assert!(refused.contains("CloudHsmInvalidRequestException") && refused.contains("TrustAnchor"), "{refused}");
    agent.aws(&["initialize-cluster", "--cluster-id", &id, "--signed-cert", &signed, "--trust-anchor", &anchor]);
    agent.kill();

    let agent = Agent::start(directory.path());
    let claimed = agent.cluster_when(&id, |cluster| cluster["State"] == "INITIALIZED");
    assert_eq!(claimed["Hsms"][0]["State"], "ACTIVE");
    agent.aws(&["tag-resource", "--resource-id", &id, "--tag-list", "Key=stage,Value=test"]);
    assert_eq!(agent.aws(&["list-tags", "--resource-id", &id])["TagList"][0]["Value"], "test");
    assert_eq!(agent.aws(&["describe-backups"])["Backups"], serde_json::json!([]));
    let busy = String::from_utf8(agent.run(&["delete-cluster", "--cluster-id", &id]).stderr).unwrap();
    assert!(busy.contains("delete them first"), "{busy}");
    let address = claimed["Hsms"][0]["EniIp"].as_str().unwrap();
    agent.aws(&["delete-hsm", "--cluster-id", &id, "--eni-ip", address]);
    agent.cluster_when(&id, |cluster| cluster["Hsms"] == serde_json::json!([]));
    agent.aws(&["delete-cluster", "--cluster-id", &id]);
    agent.cluster_when(&id, |cluster| cluster["State"] == "DELETED");
}

#[test]
fn a_state_directory_has_one_agent() {
    let directory = configured();
    let _agent = Agent::start(directory.path());
    let second = command(directory.path()).output().unwrap();
    assert!(!second.status.success());
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains("another cluster-agent"), "{message}");
}

#[test]
fn a_configuration_is_checked_without_being_used() {
    let directory = configured();
    let checked = command(directory.path()).arg("--check-config").output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(!directory.path().join("state").exists());
    std::fs::remove_file(directory.path().join("credentials.toml")).unwrap();
    assert!(!command(directory.path()).arg("--check-config").output().unwrap().status.success());
}

#[test]
fn sigterm_ends_the_agent_in_peace() {
    let directory = configured();
    let mut agent = Agent::start(directory.path());
    let id = agent.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(agent.process.wait().unwrap().success());
}

/// Runs a program of ours, or one that loads our library, against the clusters of `kinko.toml`.
fn client(directory: &Path, program: &str, credentials: Option<(&str, &str)>, arguments: &[&str]) -> Output {
    let mut client = Command::new(program);
    client.args(arguments).env("KINKO_CONF", directory.join("kinko.toml"));
    if let Some((role, pin)) = credentials {
        client.env("CLOUDHSM_ROLE", role).env("CLOUDHSM_PIN", pin);
    }
    client.output().unwrap()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A cluster that the owner has claimed: with one HSM, INITIALIZED.
fn claimed_cluster(agent: &Agent, directory: &Path) -> String {
    let subnets = ["subnet-0a1b2c3d", "subnet-0b2c3d4e"];
    let create = ["create-cluster", "--hsm-type", "hsm2m.medium", "--subnet-ids", subnets[0], subnets[1]];
    let id = agent.aws(&create)["Cluster"]["ClusterId"].as_str().unwrap().to_owned();
    agent.cluster_when(&id, |cluster| cluster["State"] == "UNINITIALIZED");
    agent.aws(&["create-hsm", "--cluster-id", &id, "--availability-zone", "us-west-2a"]);
    let ready = agent.cluster_when(&id, |cluster| cluster["Hsms"][0]["State"] == "ACTIVE");
    let (signed, anchor) = fixture::sign(ready["Certificates"]["ClusterCsr"].as_str().unwrap());
    std::fs::write(directory.join("signed.crt"), signed).unwrap();
    std::fs::write(directory.join("customerCA.crt"), anchor).unwrap();
    let file = |name: &str| format!("file://{}", directory.join(name).display());
    let (signed, anchor) = (file("signed.crt"), file("customerCA.crt"));
    agent.aws(&["initialize-cluster", "--cluster-id", &id, "--signed-cert", &signed, "--trust-anchor", &anchor]);
    agent.cluster_when(&id, |cluster| cluster["State"] == "INITIALIZED");
    id
}

/// Points `kinko.toml` at a cluster's HSMs, over TLS.
fn configure_client(directory: &Path, cluster: &Value, port: u16) {
    let servers = cluster["Hsms"].as_array().unwrap().iter();
    let servers = servers.map(|hsm| format!("\"{}:{port}\"", hsm["EniIp"].as_str().unwrap())).collect::<Vec<_>>();
    let id = cluster["ClusterId"].as_str().unwrap();
    let text =
        format!("[[cluster]]\nid = \"{id}\"\nservers = [{}]\nca_file = \"customerCA.crt\"\n", servers.join(", "));
    std::fs::write(directory.join("kinko.toml"), text).unwrap();
}

#[test]
fn a_deleted_key_is_used_again_in_a_cluster_made_from_a_backup() {
    let directory = configured();
    let path = directory.path();
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let config = std::fs::read_to_string(path.join("agent.toml")).unwrap();
    let config = config.replace("hsm_port = 0", &format!("hsm_port = {port}"));
    std::fs::write(path.join("agent.toml"), config + "[token]\nkdf_memory_kib = 19456\nkdf_passes = 2\n").unwrap();
    let agent = Agent::start(path);
    let id = claimed_cluster(&agent, path);
    configure_client(path, &agent.cluster_when(&id, |_| true), port);

    let kinko = env!("CARGO_BIN_EXE_kinko");
    assert!(done(&client(path, kinko, None, &["user", "list"])).contains("unactivated-admin"));
    done(&client(path, kinko, None, &["cluster", "activate", "--password", "adminpass1"]));
    agent.cluster_when(&id, |cluster| cluster["State"] == "ACTIVE");
    let again = client(path, kinko, None, &["cluster", "activate", "--password", "adminpass1"]);
    assert!(!again.status.success(), "{again:?}");
    let admin = Some(("admin", "admin:adminpass1"));
    let user = ["user", "create", "--username", "alice", "--role", "crypto-user", "--password", "alicepass1"];
    done(&client(path, kinko, admin, &user));
    let alice = Some(("crypto-user", "alice:alicepass1"));
    let generate = ["key", "generate-symmetric", "aes", "--label", "precious", "--key-length-bytes", "32"];
    done(&client(path, kinko, alice, &generate));

    // Adding an HSM makes the backup that has the key.
    agent.aws(&["create-hsm", "--cluster-id", &id, "--availability-zone", "us-west-2b"]);
    let both = agent
        .cluster_when(&id, |cluster| cluster["Hsms"].as_array().unwrap().iter().all(|hsm| hsm["State"] == "ACTIVE"));
    assert_eq!(both["Hsms"].as_array().unwrap().len(), 2);
    configure_client(path, &both, port);
    let backups = || agent.aws(&["describe-backups", "--no-sort-ascending"])["Backups"].clone();
    let backup = (0..60).map(|_| backups()).find(|all| {
        let all = all.as_array().unwrap();
        all.len() == 2 && all.iter().all(|backup| backup["BackupState"] == "READY")
    });
    let backup = backup.expect("two backups")[0]["BackupId"].as_str().unwrap().to_owned();
    done(&client(path, kinko, alice, &["key", "delete", "--filter", "attr.label=precious"]));
    let listed = |path: &Path| done(&client(path, kinko, alice, &["key", "list", "--filter", "attr.label=precious"]));
    assert!(!listed(path).contains("precious"));

    let create = ["create-cluster", "--hsm-type", "hsm2m.medium", "--source-backup-id", &backup, "--subnet-ids"];
    let made = agent.aws(&[&create[..], &["subnet-0a1b2c3d", "subnet-0b2c3d4e"]].concat());
    let clone = made["Cluster"]["ClusterId"].as_str().unwrap().to_owned();
    agent.cluster_when(&clone, |cluster| cluster["State"] == "ACTIVE");
    agent.aws(&["create-hsm", "--cluster-id", &clone, "--availability-zone", "us-west-2a"]);
    let ready = agent.cluster_when(&clone, |cluster| cluster["Hsms"][0]["State"] == "ACTIVE");
    configure_client(path, &ready, port);
    assert!(listed(path).contains("precious"), "the clone does not have the key");
}
