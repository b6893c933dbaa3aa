//! OpenSC's `pkcs11-tool`, the client that most people meet a token with.

use std::fs;
use std::path::Path;

use kinko_tests::Token;
use kinko_tests::client::{Said, fail, succeed, succeed_with};

fn openssl(token: &Token, arguments: &[&str]) -> Said {
    succeed(token.program("openssl").args(arguments))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("our paths are text")
}

#[test]
fn its_own_test_finds_no_error() {
    let token = Token::new("self-test");
    token.user(&["--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "rsa"]);
    token.user(&["--keypairgen", "--key-type", "EC:prime256v1", "--id", "02", "--label", "ec"]);
    let said = token.user(&["--test"]);
    said.expect("No errors").refuse("ERR:");
}

#[test]
fn a_threaded_start_and_stop_is_clean() {
    let token = Token::new("threads");
    succeed(token.tool().args(["--test-threads", "ILGISTT0", "--test-threads", "ILGISTT0"]));
}

#[test]
fn the_free_slot_is_always_shown() {
    let token = Token::new("first");
    let said = succeed(token.tool().arg("--list-slots"));
    said.expect("Slot 0").expect("first").expect("Slot 1");
    succeed(token.tool().args(["--init-token", "--slot-index", "1", "--label", "second", "--so-pin", "12345678"]));
    let said = succeed(token.tool().arg("--list-slots"));
    said.expect("first").expect("second").expect("Slot 2");
}

#[test]
fn a_wrong_pin_is_told_apart() {
    let token = Token::new("wrong");
    let said = fail(token.tool().args(["--login", "--pin", "not-the-pin", "--list-objects"]));
    said.expect("CKR_PIN_INCORRECT");
}

#[test]
fn an_rsa_signature_verifies_with_openssl() {
    let token = Token::new("rsa");
    let (data, signature, der) = (token.file("data"), token.file("signature"), token.file("public.der"));
    fs::write(&data, b"a file to sign\n").expect("a file");
    token.user(&["--keypairgen", "--key-type", "rsa:2048", "--id", "0a", "--label", "signer"]);
    token.public(&["--read-object", "--type", "pubkey", "--id", "0a", "--output-file", text(&der)]);
    let sign = ["--sign", "--id", "0a", "--mechanism", "SHA256-RSA-PKCS"];
    token.user(&[&sign[..], &["--input-file", text(&data), "--output-file", text(&signature)]].concat());
    let verify = ["dgst", "-sha256", "-keyform", "DER", "-verify", text(&der), "-signature"];
    openssl(&token, &[&verify[..], &[text(&signature), text(&data)]].concat()).expect("Verified OK");
}

#[test]
fn a_pss_signature_verifies_with_openssl() {
    let token = Token::new("pss");
    let (data, signature, der) = (token.file("data"), token.file("signature"), token.file("public.der"));
    fs::write(&data, b"a file to sign\n").expect("a file");
    token.user(&["--keypairgen", "--key-type", "rsa:3072", "--id", "0a", "--label", "signer"]);
    token.public(&["--read-object", "--type", "pubkey", "--id", "0a", "--output-file", text(&der)]);
    let sign = ["--sign", "--id", "0a", "--mechanism", "SHA256-RSA-PKCS-PSS", "--salt-len", "32"];
    token.user(&[&sign[..], &["--input-file", text(&data), "--output-file", text(&signature)]].concat());
    let padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
    let verify = ["dgst", "-sha256", "-keyform", "DER", "-verify", text(&der)];
    let files = ["-signature", text(&signature), text(&data)];
    openssl(&token, &[&verify[..], &padding, &files].concat()).expect("Verified OK");
}

#[test]
fn an_ecdsa_signature_verifies_with_openssl() {
    let token = Token::new("ec");
    // Without P-384: OpenSC 0.23 cannot write out such a public key, whichever token it is in.
    for (id, curve) in [("01", "prime256v1"), ("03", "secp521r1")] {
        let (data, signature, der) = (token.file("data"), token.file("signature"), token.file("public.der"));
        fs::write(&data, curve).expect("a file");
        token.user(&["--keypairgen", "--key-type", &format!("EC:{curve}"), "--id", id, "--label", curve]);
        token.public(&["--read-object", "--type", "pubkey", "--id", id, "--output-file", text(&der)]);
        let sign = ["--sign", "--id", id, "--mechanism", "ECDSA-SHA256", "--signature-format", "openssl"];
        token.user(&[&sign[..], &["--input-file", text(&data), "--output-file", text(&signature)]].concat());
        let verify = ["dgst", "-sha256", "-keyform", "DER", "-verify", text(&der), "-signature"];
        openssl(&token, &[&verify[..], &[text(&signature), text(&data)]].concat()).expect("Verified OK");
    }
}

#[test]
fn what_openssl_encrypts_the_token_decrypts() {
    let token = Token::new("decrypt");
    let (data, sealed, der) = (token.file("data"), token.file("sealed"), token.file("public.der"));
    let opened = token.file("opened");
    fs::write(&data, b"a short secret").expect("a file");
    token.user(&["--keypairgen", "--key-type", "rsa:2048", "--id", "0b", "--label", "opener"]);
    token.public(&["--read-object", "--type", "pubkey", "--id", "0b", "--output-file", text(&der)]);
    let oaep = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"];
    let encrypt = ["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", text(&der)];
    openssl(&token, &[&encrypt[..], &oaep, &["-in", text(&data), "-out", text(&sealed)]].concat());
    let decrypt = ["--decrypt", "--id", "0b", "--mechanism", "RSA-PKCS-OAEP", "--hash-algorithm", "SHA256"];
    token.user(&[&decrypt[..], &["--input-file", text(&sealed), "--output-file", text(&opened)]].concat());
    assert_eq!(fs::read(opened).expect("the plaintext"), b"a short secret");
}

#[test]
fn a_certificate_and_its_key_go_in_and_the_certificate_comes_out() {
    let token = Token::new("import");
    let (key, cert) = (token.file("key.pem"), token.file("cert.pem"));
    let (key_der, cert_der, out) = (token.file("key.der"), token.file("cert.der"), token.file("out.der"));
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=import", "-days", "2"];
    openssl(&token, &[&request[..], &["-keyout", text(&key), "-out", text(&cert)]].concat());
    openssl(&token, &["x509", "-in", text(&cert), "-outform", "DER", "-out", text(&cert_der)]);
    openssl(&token, &["rsa", "-in", text(&key), "-outform", "DER", "-traditional", "-out", text(&key_der)]);
    let name = ["--id", "c0", "--label", "imported"];
    token.user(&[&["--write-object", text(&key_der), "--type", "privkey", "--usage-sign"][..], &name].concat());
    token.user(&[&["--write-object", text(&cert_der), "--type", "cert"][..], &name].concat());
    token.public(&["--read-object", "--type", "cert", "--id", "c0", "--output-file", text(&out)]);
    assert_eq!(fs::read(&out).expect("the certificate"), fs::read(&cert_der).expect("the certificate"));
    let (data, signature, public) = (token.file("data"), token.file("signature"), token.file("public.pem"));
    fs::write(&data, b"signed by an imported key").expect("a file");
    let sign = ["--sign", "--id", "c0", "--mechanism", "SHA256-RSA-PKCS"];
    token.user(&[&sign[..], &["--input-file", text(&data), "--output-file", text(&signature)]].concat());
    openssl(&token, &["x509", "-in", text(&cert), "-pubkey", "-noout", "-out", text(&public)]);
    let verify = ["dgst", "-sha256", "-verify", text(&public), "-signature"];
    openssl(&token, &[&verify[..], &[text(&signature), text(&data)]].concat()).expect("Verified OK");
}

#[test]
fn a_new_private_key_is_sensitive_and_never_extractable() {
    let token = Token::new("stay");
    token.user(&["--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "stays"]);
    let said = token.user(&["--list-objects", "--type", "privkey"]);
    said.expect("sensitive").expect("never extractable");
}

#[test]
fn a_deleted_object_is_gone() {
    let token = Token::new("delete");
    token.user(&["--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "goes"]);
    token.user(&["--list-objects"]).expect("goes");
    token.user(&["--delete-object", "--type", "privkey", "--id", "01"]);
    token.user(&["--delete-object", "--type", "pubkey", "--id", "01"]);
    token.user(&["--list-objects"]).refuse("goes");
}

#[test]
fn a_private_object_is_invisible_without_a_login() {
    let token = Token::new("private");
    token.user(&["--keygen", "--key-type", "AES:32", "--private", "--id", "05", "--label", "hidden-key"]);
    token.public(&["--list-objects"]).refuse("hidden-key");
    token.user(&["--list-objects"]).expect("hidden-key");
}

#[test]
fn an_aes_key_encrypts_and_decrypts() {
    let token = Token::new("aes");
    let (sealed, opened) = (token.file("sealed"), token.file("opened"));
    token.user(&["--keygen", "--key-type", "AES:32", "--id", "05", "--label", "aes"]);
    let how = ["--id", "05", "--mechanism", "AES-CBC-PAD", "--iv", "000102030405060708090a0b0c0d0e0f"];
    let data = token.file("data");
    fs::write(&data, b"any length of text").expect("a file");
    let encrypt = ["--encrypt", "--input-file", text(&data), "--output-file", text(&sealed)];
    token.user(&[&encrypt[..], &how].concat());
    assert_ne!(fs::read(&sealed).expect("the ciphertext"), b"any length of text");
    let decrypt = ["--decrypt", "--input-file", text(&sealed), "--output-file", text(&opened)];
    token.user(&[&decrypt[..], &how].concat());
    assert_eq!(fs::read(opened).expect("the plaintext"), b"any length of text");
}

#[test]
fn a_digest_is_what_openssl_computes() {
    let token = Token::new("digest");
    let (data, digest) = (token.file("data"), token.file("digest"));
    fs::write(&data, b"digested twice").expect("a file");
    let how = ["--hash", "--mechanism", "SHA384", "--input-file", text(&data), "--output-file", text(&digest)];
    token.public(&how);
    let said = succeed_with(token.program("openssl").args(["dgst", "-sha384", "-r"]), b"digested twice");
    said.expect(&hex::encode(fs::read(digest).expect("the digest")));
}

#[test]
fn a_user_changes_the_pin() {
    let token = Token::new("pin");
    token.user(&["--change-pin", "--new-pin", "another-pin"]);
    let login = |pin| ["--token-label", "pin", "--login", "--pin", pin, "--list-objects"];
    fail(token.tool().args(login(kinko_tests::USER_PIN))).expect("CKR_PIN_INCORRECT");
    succeed(token.tool().args(login("another-pin")));
}
