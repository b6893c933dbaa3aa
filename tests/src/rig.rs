//! A test body in a process of its own.
//!
//! A process loads a module once, has one environment and one login per token. So a test that
//! loads the module itself runs its body in a child: the same test binary, asked for this one
//! test, in an environment with an empty token directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{any, env, fs};

use crate::{Library, Module, Worker};

const NAME: &str = "KINKO_TEST_ALONE";
const DIR: &str = "KINKO_TEST_DIR";

/// Runs `body` in a process of its own; the test fails, showing its output, if the process does.
///
/// The closure must be the test function's own, because its type names the test to run.
#[track_caller]
pub fn alone<B: FnOnce(&Rig)>(body: B) {
    let name = test_name::<B>();
    if env::var(NAME).is_ok_and(|wanted| wanted == name) {
        return body(&Rig::from_environment());
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(env::current_exe().expect("the test's own path"))
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .envs(Module::under_test().environment(dir.path()))
        .env(NAME, &name)
        .env(DIR, dir.path())
        .output()
        .expect("the test starts again");
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{name}, alone: {}\n{}{}", output.status, words[0], words[1]);
    assert!(words[0].contains("1 passed"), "{name} was not found:\n{}{}", words[0], words[1]);
}

/// `crate::module::test::{{closure}}` is the test `module::test`.
fn test_name<B>() -> String {
    let full = any::type_name::<B>().trim_end_matches("::{{closure}}");
    full.split_once("::").expect("a path below the crate").1.to_owned()
}

/// What a test body has to work with: the module, and a directory with no token in it.
pub struct Rig {
    module: Module,
    dir: PathBuf,
}

impl Rig {
    fn from_environment() -> Self {
        Self { module: Module::under_test(), dir: env::var_os(DIR).expect("set by alone()").into() }
    }

    /// The module under test.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The test's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes the settings file that Kinko finds in this test's environment.
    pub fn configure(&self, text: &str) {
        let folder = self.dir.join("kinko");
        fs::create_dir_all(&folder).expect("the folder of settings");
        fs::write(folder.join("kinko.toml"), text).expect("the settings");
    }

    /// Loads the module, not initialised.
    #[must_use]
    pub fn load(&self) -> Library {
        Library::load(self.module.path())
    }

    /// Loads and initialises the module.
    #[must_use]
    pub fn library(&self) -> Library {
        let library = self.load();
        library.initialize().expect("C_Initialize");
        library
    }

    /// Starts a worker process on the same token directory.
    #[must_use]
    pub fn worker(&self, arguments: &[&str]) -> Worker {
        Worker::start(&mut self.worker_command(arguments))
    }

    /// The command that starts a worker, for a test that adds to its environment.
    #[must_use]
    pub fn worker_command(&self, arguments: &[&str]) -> Command {
        Worker::command(&self.module, &self.dir, arguments)
    }

    /// Every file that the module keeps, for a test that looks at the store itself.
    #[must_use]
    pub fn stored_files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.join("tokens")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the token directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }
}
