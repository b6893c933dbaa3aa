//! Which credentials files are accepted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use aws_json::{Credentials, CredentialsError};

const GOOD: &str = "regions = ['eu-central-1']\n[[access_key]]\nid = 'AKIATOY'\nsecret = 'a-secret-of-the-toy-service'\n\
    account = '123456789012'\nprincipal = 'arn:aws:iam::123456789012:user/toy'\n";

fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials.toml");
    write(&path, text).unwrap();
    set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

#[test]
fn a_private_file_is_accepted() {
    let (_directory, path) = file(GOOD, 0o600);
    Credentials::load(&path).unwrap();
}

#[test]
fn a_file_others_can_touch_is_refused_with_the_remedy() {
    for mode in [0o640, 0o604, 0o620, 0o610] {
        let (_directory, path) = file(GOOD, mode);
        let text = Credentials::load(&path).unwrap_err().to_string();
        assert!(text.contains(&format!("chmod 600 {}", path.display())), "{text}");
    }
}

#[test]
fn a_symbolic_link_is_refused() {
    let (directory, path) = file(GOOD, 0o600);
    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(matches!(Credentials::load(&link), Err(CredentialsError::NotRegular { .. })));
    assert!(matches!(Credentials::load(directory.path()), Err(CredentialsError::NotRegular { .. })));
}

#[test]
fn a_broken_file_is_refused_without_quoting_its_secret() {
    let (_directory, path) = file(&GOOD.replace("service'", "service"), 0o600);
    let error = Credentials::load(&path).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("a-secret"), "{error:?}");
}

#[test]
fn a_key_twice_or_with_a_bad_account_is_refused() {
    let second = GOOD.split_once('\n').unwrap().1;
    for text in [format!("{GOOD}{second}"), GOOD.replace("'123456789012'", "'123'")] {
        let (_directory, path) = file(&text, 0o600);
        assert!(matches!(Credentials::load(&path), Err(CredentialsError::Key { .. })));
    }
}
