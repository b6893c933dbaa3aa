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
