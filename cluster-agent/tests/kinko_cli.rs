//! The real `kinko` in real processes, over tokens in a directory of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const ADMIN: &str = "admin:adminpass1";
const ALICE: &str = "alice:alicepass1";

/// A directory for tokens, cheap passwords, and nobody's environment.
struct Home(tempfile::TempDir);

/// What a run answered.
#[derive(Debug)]
struct Answered {
    status: i32,
    out: String,
    error: String,
}

impl Home {
    fn empty() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let text = "directory = \"data\"\n[token]\nkdf_memory_kib = 19456\nkdf_passes = 2\n";
        std::fs::write(home.path("kinko.toml"), text).unwrap();
        home
    }

    /// With a token, its administrator, and the crypto users `alice` and `bob`.
    fn new() -> Self {
        let home = Self::empty();
        home.run(None, &["token", "init", "--label", "one", "--password", "adminpass1"]).data();
        for name in ["alice", "bob"] {
            let password = format!("{name}pass1");
            let arguments = ["user", "create", "--username", name, "--role", "crypto-user", "--password", &password];
            home.admin(&arguments).data();
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: &Path, login: Option<(&str, &str)>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("KINKO_CONF", self.path("kinko.toml")).env("HOME", self.0.path());
        if let Some((role, pin)) = login {
            command.env("CLOUDHSM_ROLE", role).env("CLOUDHSM_PIN", pin);
        }
        command
    }

    fn run(&self, login: Option<(&str, &str)>, arguments: &[&str]) -> Answered {
        self.typed(login, arguments, "")
    }

    fn admin(&self, arguments: &[&str]) -> Answered {
        self.run(Some(("admin", ADMIN)), arguments)
    }

    fn alice(&self, arguments: &[&str]) -> Answered {
        self.run(Some(("crypto-user", ALICE)), arguments)
    }

    /// Runs with something on standard input.
    fn typed(&self, login: Option<(&str, &str)>, arguments: &[&str], input: &str) -> Answered {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_kinko")), login);
        let piped = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        // Not every command reads it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }
}

impl From<Output> for Answered {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code().unwrap(), out: text(output.stdout), error: text(output.stderr) }
    }
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The data of a success.
    fn data(&self) -> Value {
        let envelope = self.json();
        assert_eq!((self.status, &envelope["error_code"]), (0, &json!(0)), "{self:?}");
        envelope["data"].clone()
    }

    /// The data of a failure.
    fn failure(&self) -> String {
        let envelope = self.json();
        assert_eq!((self.status, &envelope["error_code"]), (1, &json!(1)), "{self:?}");
        envelope["data"].as_str().unwrap().to_owned()
    }
}

const AES: &[&str] = &["key", "generate-symmetric", "aes", "--key-length-bytes", "32", "--label"];

#[test]
fn the_envelope_is_two_space_json_and_the_status_says_the_same() {
    let home = Home::new();
    let create = ["user", "create", "--username", "eve", "--role", "admin", "--password", "evepass1"];
    let answered = home.admin(&create);
    let expected =
        "{\n  \"error_code\": 0,\n  \"data\": {\n    \"username\": \"eve\",\n    \"role\": \"admin\"\n  }\n}\n";
    assert_eq!((answered.out.as_str(), answered.status), (expected, 0));
    let refused = home.admin(&create);
    assert!(refused.out.starts_with("{\n  \"error_code\": 1,\n  \"data\": \""), "{refused:?}");
    assert_eq!(refused.status, 1);
    assert_eq!(home.run(None, &["user", "vanish"]).status, 1);
    assert_eq!(home.run(None, &["--help"]).status, 0);
}

#[test]
fn users_are_listed_without_a_login_locked_ones_as_the_string_true_and_unlocked_by_a_new_password() {
    let home = Home::new();
    for _ in 0..5 {
        let failure = home.run(Some(("crypto-user", "bob:wrong")), &["key", "list"]).failure();
        assert!(failure.starts_with("Login failed"), "{failure}");
    }
    let locked = || -> Vec<Value> {
        let users = home.run(None, &["user", "list"]).data();
        users["users"].as_array().unwrap().iter().map(|user| json!([user["username"], user["locked"]])).collect()
    };
    assert_eq!(locked(), [json!(["admin", "false"]), json!(["alice", "false"]), json!(["bob", "true"])]);
    assert!(home.run(Some(("crypto-user", "bob:bobpass1")), &["key", "list"]).failure().contains("locked"));
    let change = ["user", "change-password", "--username", "bob", "--role", "crypto-user", "--password", "newpass1"];
    home.admin(&change).data();
    assert_eq!(locked()[2], json!(["bob", "false"]));
    home.run(Some(("crypto-user", "bob:newpass1")), &["key", "list"]).data();
}

#[test]
fn passwords_that_are_asked_for_are_read_and_never_shown() {
    let home = Home::new();
    let create = ["user", "create", "--username", "carol", "--role", "crypto-user"];
    let admin = Some(("admin", ADMIN));
    assert!(home.typed(admin, &create, "carolpass1\ncarolpass2\n").failure().contains("differ"));
    let created = home.typed(admin, &create, "carolpass1\ncarolpass1\n");
    created.data();
    let listed = home.typed(None, &["--login-username", "carol", "key", "list"], "carolpass1\n");
    listed.data();
    for answered in [created, listed] {
        assert!(!answered.out.contains("carolpass1") && !answered.error.contains("carolpass1"));
    }
}

#[test]
fn a_user_who_owns_keys_is_not_deleted() {
    let home = Home::new();
    home.alice(&[AES, &["mine"]].concat()).data();
    let delete = ["user", "delete", "--username", "alice", "--role", "crypto-user"];
    assert!(home.admin(&delete).failure().contains("owns keys"));
    home.alice(&["key", "delete", "--filter", "attr.label=mine"]).data();
    assert_eq!(home.admin(&delete).data(), json!({ "username": "alice", "role": "crypto-user" }));
    assert_eq!(home.run(None, &["user", "list"]).data()["users"].as_array().unwrap().len(), 2);
}

#[test]
fn keys_are_listed_in_pages_filtered_and_shown_whole_when_asked_for() {
    let home = Home::new();
    for number in 0..12 {
        home.alice(&[AES, &[&format!("key-{}", number % 6)]].concat()).data();
    }
    let first = home.alice(&["key", "list"]).data();
    let counts = [&first["total_key_count"], &first["returned_key_count"], &first["next_token"]];
    assert_eq!(counts, [&json!(12), &json!(10), &json!("10")]);
    assert_eq!(first["matched_keys"][0].as_object().unwrap().len(), 2, "reference and label");
    let rest = home.alice(&["key", "list", "--starting-token", "10"]).data();
    assert_eq!((&rest["returned_key_count"], rest.get("next_token")), (&json!(2), None));
    let two = home.alice(&["key", "list", "--verbose", "--filter", "attr.label=key-3", "attr.key-type=aes"]).data();
    assert_eq!(two["total_key_count"], 2);
    let key = &two["matched_keys"][0];
    assert_eq!(key["key-info"]["key-owners"], json!([{ "username": "alice", "key-coverage": "full" }]));
    let names: Vec<_> = key["attributes"].as_object().unwrap().keys().collect();
    assert_eq!(names[..4], ["key-type", "label", "id", "check-value"]);
    assert_eq!((names.len(), &key["attributes"]["key-length-bytes"]), (24, &json!(32)));
    let reference = format!("key-reference={}", key["key-reference"].as_str().unwrap());
    assert_eq!(home.alice(&["key", "list", "--filter", &reference]).data()["total_key_count"], 1);
    assert_eq!(home.alice(&["key", "list", "--filter", "attr.label=none"]).data()["matched_keys"], json!([]));
    // Nobody else sees a private key.
    assert_eq!(home.admin(&["key", "list", "-v"]).data()["total_key_count"], 0);
    assert_eq!(home.run(Some(("crypto-user", "bob:bobpass1")), &["key", "list"]).data()["total_key_count"], 0);
}

#[test]
fn a_command_for_one_key_refuses_none_and_several_by_their_number() {
    let home = Home::new();
    home.alice(&[AES, &["twin"]].concat()).data();
    home.alice(&[AES, &["twin"]].concat()).data();
    for (label, count) in [("twin", 2), ("nobody", 0)] {
        let filter = format!("attr.label={label}");
        let expected =
            format!("Key selection criteria matched {count} keys. Refine selection criteria to select a single key.");
        assert_eq!(home.alice(&["key", "delete", "--filter", &filter]).failure(), expected);
    }
    assert!(home.alice(&["key", "delete", "--filter", "attr.colour=red"]).failure().contains("colour"));
}

#[test]
fn what_is_signed_verifies_and_anything_else_does_not() {
    let home = Home::new();
    let pair = ["--public-label", "p", "--private-label", "s", "--public-attributes", "verify=true"];
    let signs = ["--private-attributes", "sign=true"];
    let generate = ["key", "generate-asymmetric-pair"];
    let rsa = ["rsa", "--modulus-size-bits", "2048", "--public-exponent", "65537"];
    let ec = ["ec", "--curve", "secp384r1"];
    let pss = ["rsa-pkcs-pss", "--mgf", "mgf1-sha256", "--salt-length", "32"];
    let generated = home.alice(&[&generate[..], &rsa, &pair, &signs].concat()).data();
    let attributes = &generated["private_key"]["attributes"];
    let shown = [&attributes["modulus-size-bits"], &attributes["public-exponent"], &attributes["class"]];
    assert_eq!(shown, [&json!(2048), &json!("0x010001"), &json!("private-key")]);
    home.alice(&[&generate[..], &ec, &pair, &signs].concat()).data();
    for (mechanism, key_type) in [(&["rsa-pkcs"][..], "rsa"), (&pss[..], "rsa"), (&["ecdsa"][..], "ec")] {
        let key_type = format!("attr.key-type={key_type}");
        let hash = ["--hash-function", "sha256", "--key-filter", &key_type];
        let data = ["--data", "aGVsbG8="];
        let sign = [&["crypto", "sign"][..], mechanism, &hash, &["attr.class=private-key"], &data].concat();
        let signature = home.alice(&sign).data()["signature"].as_str().unwrap().to_owned();
        let verify = |data: &[&str]| {
            let signature = ["--signature", &signature];
            let class = ["attr.class=public-key"];
            home.alice(&[&["crypto", "verify"][..], mechanism, &hash, &class, data, &signature].concat())
        };
        assert_eq!(verify(&data).data(), json!({ "message": "Signature verified successfully" }), "{mechanism:?}");
        // SHA-256 of `hello`.
        let digest = ["--data", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "--data-type", "digest"];
        verify(&digest).data();
        assert_eq!(verify(&["--data", "aGVsbG8h"]).failure(), "Signature verification failed");
    }
}

#[test]
fn an_interactive_session_logs_in_works_and_logs_out() {
    let home = Home::new();
    let lines = "user list\nlogin --username alice --role crypto-user\nalicepass1\n\
                 key generate-symmetric aes --label \"two words\" --key-length-bytes 16\nnonsense\nlogout\nquit\n";
    let answered = home.typed(None, &["interactive"], lines);
    assert_eq!(answered.status, 0, "{answered:?}");
    // Whether the prompt is shown where nobody types is the line editor's affair.
    let plain = answered.out.replace("aws-cloudhsm > ", "");
    let envelopes: Vec<Value> = serde_json::Deserializer::from_str(&plain).into_iter().map(Result::unwrap).collect();
    let data: Vec<_> = envelopes.iter().map(|envelope| &envelope["data"]).collect();
    assert_eq!(data[1], &json!({ "username": "alice", "role": "crypto-user" }));
    assert_eq!(data[2]["key"]["attributes"]["label"], "two words");
    assert_eq!(data[3], "Logout successful");
    assert!(answered.error.contains("nonsense"));
    assert!(!answered.out.contains("alicepass1") && !answered.error.contains("alicepass1"));
    assert_eq!(home.alice(&["key", "list"]).data()["total_key_count"], 1);
}

#[test]
fn a_backup_is_verified_and_restored_as_a_token_of_its_own_and_a_changed_one_is_refused() {
    let home = Home::new();
    home.alice(&[AES, &["kept"]].concat()).data();
    let path = home.path("backup").to_str().unwrap().to_owned();
    let made = home.run(None, &["backup", "create", "--path", &path]).data();
    assert_eq!((&made["backup"]["users"], &made["backup"]["objects"]), (&json!(3), &json!(1)));
    let verified = home.run(None, &["backup", "verify", "--path", &path]).data();
    assert_eq!(verified["backup"], made["backup"]);
    home.alice(&["key", "delete", "--filter", "attr.label=kept"]).data();
    let restored = home.run(None, &["backup", "restore", "--path", &path]).data();
    assert_eq!(restored["token"]["slot"], 1);
    assert!(home.alice(&["key", "list"]).failure().contains("--use-token"));
    let keys = |slot| home.alice(&["key", "list", "--use-token", slot]).data()["total_key_count"].clone();
    assert_eq!((keys("0"), keys("1")), (json!(0), json!(1)));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(home.run(None, &["backup", "verify", "--path", &path]).failure().contains("was changed"));
    assert!(home.run(None, &["backup", "restore", "--path", &path]).failure().contains("was changed"));
    assert!(!home.path("data/tokens/2").exists());
}

#[test]
fn doctor_names_each_problem_its_file_and_what_to_do() {
    let home = Home::new();
    assert_eq!(home.run(None, &["doctor"]).data()["problems"], json!([]));
    let token = home.path("data/tokens/0");
    std::fs::set_permissions(token.join("store.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let log = token.join("audit.log");
    let lines = std::fs::read_to_string(&log).unwrap().replacen("admin", "adnim", 1);
    std::fs::write(&log, lines).unwrap();
    std::fs::create_dir(home.path("data/tokens/new-0123456789abcdef")).unwrap();
    let found = home.run(None, &["doctor"]);
    assert_eq!((found.status, &found.json()["error_code"]), (1, &json!(1)));
    let problems = found.json()["data"]["problems"].as_array().unwrap().clone();
    let mut files: Vec<_> = problems.iter().map(|problem| problem["file"].as_str().unwrap().to_owned()).collect();
    files.sort_unstable();
    let expected = ["data/tokens/0/audit.log", "data/tokens/0/store.db", "data/tokens/new-0123456789abcdef"];
    assert_eq!(files, expected.map(|name| home.path(name).to_str().unwrap().to_owned()));
    assert!(problems.iter().all(|problem| !problem["remedy"].as_str().unwrap().is_empty()));
    assert!(home.run(None, &["audit", "verify"]).failure().contains("line 2"));
    std::fs::write(home.path("kinko.toml"), "directory = \"data\"\ncolour = 1\n").unwrap();
    let found = home.run(None, &["doctor"]).json();
    assert!(found["data"]["problems"][0]["problem"].as_str().unwrap().contains("kinko.toml:2"), "{found}");
}

#[test]
fn called_as_cloudhsm_cli_it_is_the_same_program() {
    let home = Home::new();
    let link = home.path("cloudhsm-cli");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kinko"), &link).unwrap();
    let run = |arguments: &[&str]| Answered::from(home.command(&link, None).args(arguments).output().unwrap());
    assert_eq!(run(&["user", "list"]).data()["users"].as_array().unwrap().len(), 3);
    assert!(run(&["help"]).out.contains("Usage: cloudhsm-cli"));
    assert!(run(&["completions", "bash"]).out.contains("cloudhsm"));
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let home = Home::empty();
    assert!(home.run(None, &["user", "list"]).failure().contains("token init"));
    home.run(None, &["token", "init", "--label", "one", "--password", "adminpass1"]).data();
    assert!(home.run(None, &["key", "list"]).failure().contains("CLOUDHSM_ROLE"));
    assert!(home.run(Some(("crypto-user", "nocolon")), &["key", "list"]).failure().contains("username:password"));
    assert!(home.run(None, &["user", "list", "--cluster-id", "cluster-x"]).failure().contains("cluster-x"));
}
