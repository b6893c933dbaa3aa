//! A fresh token in a directory of its own, for tests whose clients are other programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Module;
use crate::client::{Said, fail, succeed};

/// The security officer's PIN in every test.
pub const SO_PIN: &str = "so-pin-8642";
/// The user's PIN in every test.
pub const USER_PIN: &str = "user-pin-1357";

/// A token, its directory, and the clients that are pointed at it.
pub struct Token {
    module: Module,
    dir: TempDir,
    label: String,
}

impl Token {
    /// Makes a token with `pkcs11-tool` in the free slot of an empty directory.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let module = Module::under_test();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let token = Self { module, dir, label: label.into() };
        succeed(token.tool().args(["--init-token", "--slot-index", "0", "--label", label, "--so-pin", SO_PIN]));
        succeed(
            token
                .labelled()
                .args(["--login", "--login-type", "so", "--so-pin", SO_PIN, "--init-pin"])
                .args(["--new-pin", USER_PIN]),
        );
        token
    }

    /// The module under test.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The token's label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// A scratch file of this test; removed with the token.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The test's directory, which holds the tokens and the scratch files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Any program, with the environment that leads the module to this token.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.envs(self.module.environment(self.dir.path())).current_dir(self.dir.path());
        command
    }

    /// `pkcs11-tool` with the module, and nothing else.
    #[must_use]
    pub fn tool(&self) -> Command {
        let mut command = self.program("pkcs11-tool");
        command.arg("--module").arg(self.module.path());
        command
    }

    fn labelled(&self) -> Command {
        let mut command = self.tool();
        command.args(["--token-label", &self.label]);
        command
    }

    /// Runs `pkcs11-tool` on this token, not logged in; it must succeed.
    #[track_caller]
    pub fn public(&self, arguments: &[&str]) -> Said {
        succeed(self.labelled().args(arguments))
    }

    /// Runs `pkcs11-tool` on this token, logged in as the user; it must succeed.
    #[track_caller]
    pub fn user(&self, arguments: &[&str]) -> Said {
        succeed(self.labelled().args(["--login", "--pin", USER_PIN]).args(arguments))
    }

    /// The same, but it must fail with an error.
    #[track_caller]
    pub fn user_fails(&self, arguments: &[&str]) -> Said {
        fail(self.labelled().args(["--login", "--pin", USER_PIN]).args(arguments))
    }
}
