//! `doctor`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hsm_core::audit::{self, AuditLog};
use hsm_core::store::SqliteStore;
use serde_json::{Value, json};

use super::{Answer, Login, Run};
use crate::config::Config;
use crate::context::Context;
use crate::failure::Failure;

/// No arguments.
#[derive(clap::Args)]
pub struct Doctor {}

/// What was looked at, and what is wrong.
#[derive(Default)]
struct Findings {
    checked: Vec<PathBuf>,
    problems: Vec<Value>,
}

impl Run for Doctor {
    const PATH: &'static [&'static str] = &["doctor"];
    const ABOUT: &'static str = "Check the configuration, and every token's files, records and audit log";
    const LOGIN: Login = Login::NotNeeded;

    fn run(self, _: &Context) -> Result<Answer, Failure> {
        let mut findings = Findings::default();
        match Config::load() {
            Ok(config) => findings.look_at(&config),
            Err(failure) => findings.problem(None, &failure.to_string(), "correct the file or the variable"),
        }
        let healthy = findings.problems.is_empty();
        let data = json!({ "checked": findings.checked, "problems": findings.problems });
        if healthy { Ok(Answer::Data(data)) } else { Err(Failure::Found(data)) }
    }
}

impl Findings {
    fn look_at(&mut self, config: &Config) {
        self.checked.extend(config.file.clone());
        let directory = &config.settings.directory;
        if !directory.exists() {
            // Nothing there yet is how everybody begins.
            return self.checked.push(directory.clone());
        }
        self.permissions(directory);
        let tokens = directory.join("tokens");
        self.permissions(&tokens);
        for path in self.entries(&tokens) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.bytes().all(|byte| byte.is_ascii_digit()) {
                self.token(&path);
            } else if name.starts_with("new-") || name.starts_with(".kinko-backup-") {
                let remedy = "remove it if no program is making or restoring a token now";
                self.problem(Some(&path), "it is left over from a program that was stopped", remedy);
            }
        }
        let key = directory.join("backup.key");
        if key.exists() {
            self.permissions(&key);
        }
    }

    fn token(&mut self, token: &Path) {
        self.permissions(token);
        for path in self.entries(token) {
            self.permissions(&path);
        }
        if let Err(error) = SqliteStore::open(token).and_then(|store| store.verify()) {
            self.problem(Some(token), &error.to_string(), "restore the token from a backup");
        }
        let log = token.join(AuditLog::FILE);
        if log.exists()
            && let Err(fault) = audit::verify(&log)
        {
            let remedy = "keep the file for whoever looks into it, and move it away: a new log begins then";
            self.problem(Some(&log), &fault.to_string(), remedy);
        }
    }

    /// What is in a directory; a directory that is not there is empty.
    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        match std::fs::read_dir(directory) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.problem(Some(directory), &error.to_string(), "let the user who runs Kinko read it");
                Vec::new()
            }
        }
    }

    /// What holds keys is for its owner alone.
    fn permissions(&mut self, path: &Path) {
        self.checked.push(path.to_owned());
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                return self.problem(Some(path), &error.to_string(), "let the user who runs Kinko read it");
            }
        };
        if metadata.is_symlink() {
            return self.problem(Some(path), "it is a symbolic link", "put the file itself in its place");
        }
        if metadata.mode() & 0o077 != 0 {
            let remedy = if metadata.is_dir() { "chmod 700" } else { "chmod 600" };
            self.problem(Some(path), "others than its owner can get at it", remedy);
        }
    }

    fn problem(&mut self, file: Option<&Path>, problem: &str, remedy: &str) {
        self.problems.push(json!({ "file": file, "problem": problem, "remedy": remedy }));
    }
}
