//! Which PKCS#11 module is under test, and how it is told where its tokens live.

use std::path::{Path, PathBuf};
use std::{env, fs};

const SOFTHSM2: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A PKCS#11 module under test.
///
/// `KINKO_TEST_MODULE` chooses it: a path, or `softhsm2` to try the tests themselves against
/// another implementation. Without it, it is the library that this build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// Kinko's own library.
    Kinko(PathBuf),
    /// SoftHSM2, as the distribution installs it.
    SoftHsm2(PathBuf),
}

impl Module {
    /// The module that `KINKO_TEST_MODULE` names, or this build's own.
    #[must_use]
    pub fn under_test() -> Self {
        match env::var("KINKO_TEST_MODULE") {
            Ok(name) if name == "softhsm2" => Self::SoftHsm2(SOFTHSM2.into()),
            Ok(path) => Self::Kinko(path.into()),
            Err(_) => Self::Kinko(built_beside_the_tests("libkinko_pkcs11.so")),
        }
    }

    /// The shared object.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Kinko(path) | Self::SoftHsm2(path) => path,
        }
    }

    /// Whether this is Kinko, so that its own promises can be asked of it.
    #[must_use]
    pub fn is_kinko(&self) -> bool {
        matches!(self, Self::Kinko(_))
    }

    /// The environment that makes the module keep its tokens below `dir`.
    ///
    /// Kinko gets no settings but the folder: it needs none.
    #[must_use]
    pub fn environment(&self, dir: &Path) -> Vec<(String, String)> {
        let tokens = dir.join("tokens");
        match self {
            Self::Kinko(_) => vec![
                ("KINKO_DIR".into(), tokens.display().to_string()),
                // So that a settings file of whoever runs the tests changes nothing.
                ("XDG_CONFIG_HOME".into(), dir.display().to_string()),
            ],
            Self::SoftHsm2(_) => {
                let conf = dir.join("softhsm2.conf");
                fs::create_dir_all(&tokens).expect("the token directory");
                let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
                fs::write(&conf, text).expect("softhsm2.conf");
                vec![("SOFTHSM2_CONF".into(), conf.display().to_string())]
            }
        }
    }
}

/// A file that cargo built in the same profile as the running test.
///
/// Tests run from `<target>/<profile>/deps`, helper binaries from `<target>/<profile>`.
pub(crate) fn built_beside_the_tests(name: &str) -> PathBuf {
    let exe = env::current_exe().expect("the test's own path");
    let here = exe.ancestors().skip(1).take(2).map(|dir| dir.join(name)).find(|path| path.exists());
    here.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --release --workspace` first"))
}
