//! Java's own PKCS#11 provider, through a `KeyStore` and through `keytool`.

use std::fs;
use std::process::Command;

use kinko_tests::client::{Said, fail, succeed};
use kinko_tests::{Token, USER_PIN};

/// A token, and a provider configuration that says no more than the README tells a reader to say.
fn configured(label: &str) -> (Token, String) {
    let token = Token::new(label);
    let cfg = token.file("kinko.cfg");
    let text = format!("name = Kinko\nlibrary = {}\nslotListIndex = 0\n", token.module().path().display());
    fs::write(&cfg, text).expect("the provider's configuration");
    let cfg = cfg.display().to_string();
    (token, cfg)
}

fn keytool(token: &Token, cfg: &str, pin: &str) -> Command {
    let mut command = token.program("keytool");
    command.args(["-keystore", "NONE", "-storetype", "PKCS11", "-storepass", pin]);
    command.args(["-addprovider", "SunPKCS11", "-providerarg", cfg]);
    command
}

fn pair(token: &Token, cfg: &str, alias: &str, kind: &[&str]) {
    let name = ["-genkeypair", "-alias", alias, "-dname", "CN=java", "-validity", "2"];
    succeed(keytool(token, cfg, USER_PIN).args(name).args(kind));
}

fn trip(token: &Token, cfg: &str, part: &str) -> Said {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/java/KeyStoreTrip.java");
    succeed(token.program("java").args([program, cfg, USER_PIN, part]))
}

#[test]
fn a_keystore_makes_keys_uses_them_and_finds_them_after_a_restart() {
    let (token, cfg) = configured("java");
    pair(&token, &cfg, "java-rsa", &["-keyalg", "RSA", "-keysize", "2048"]);
    pair(&token, &cfg, "java-ec", &["-keyalg", "EC", "-groupname", "secp256r1"]);
    for part in ["make", "find"] {
        let said = trip(&token, &cfg, part);
        said.expect("alias java-rsa").expect("alias java-ec").expect("alias java-aes").expect("all well");
    }
    let said = succeed(keytool(&token, &cfg, USER_PIN).arg("-list"));
    said.expect("java-rsa, PrivateKeyEntry").expect("java-ec, PrivateKeyEntry").expect("java-aes, SecretKeyEntry");
}

#[test]
fn keytool_makes_a_secret_key_and_deletes_it() {
    let (token, cfg) = configured("secret");
    let make = ["-genseckey", "-alias", "short-lived", "-keyalg", "AES", "-keysize", "256"];
    succeed(keytool(&token, &cfg, USER_PIN).args(make));
    succeed(keytool(&token, &cfg, USER_PIN).arg("-list")).expect("short-lived, SecretKeyEntry");
    succeed(keytool(&token, &cfg, USER_PIN).args(["-delete", "-alias", "short-lived"]));
    succeed(keytool(&token, &cfg, USER_PIN).arg("-list")).refuse("short-lived");
}

#[test]
fn keytool_with_a_wrong_pin_opens_no_store() {
    let (token, cfg) = configured("wrong");
    fail(keytool(&token, &cfg, "not-the-pin").arg("-list")).expect("load failed");
}
