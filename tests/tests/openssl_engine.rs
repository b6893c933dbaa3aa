//! OpenSSL through its PKCS#11 engine: signatures, certificates, and TLS with a key in the token.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kinko_tests::client::{fail, succeed};
use kinko_tests::{Token, USER_PIN};

/// `openssl` with the engine's module set the way the README says.
fn openssl(token: &Token) -> Command {
    let mut command = token.program("openssl");
    command.env("PKCS11_MODULE_PATH", token.module().path());
    command
}

fn private_key(token: &Token, object: &str) -> String {
    format!("pkcs11:token={};object={object};type=private?pin-value={USER_PIN}", token.label())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("our paths are text")
}

fn with_pair(label: &str, key_type: &str) -> Token {
    let token = Token::new(label);
    token.user(&["--keypairgen", "--key-type", key_type, "--id", "01", "--label", "tls"]);
    token
}

/// Makes a self-signed certificate with the token's key.
fn certificate(token: &Token) -> String {
    let cert = token.file("cert.pem");
    let key = private_key(token, "tls");
    let request = ["req", "-x509", "-engine", "pkcs11", "-keyform", "engine", "-key", &key, "-sha256"];
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
    succeed(openssl(token).args(request).args(names).args(["-out", text(&cert)]));
    text(&cert).to_owned()
}

/// A TLS server whose private key is in the token. Dropping it ends it.
struct Server(Child, String);

impl Server {
    /// Starts it on a port of the kernel's choice, and reads which one that is.
    fn start(token: &Token, cert: &str) -> Self {
        let key = private_key(token, "tls");
        let serve = ["s_server", "-engine", "pkcs11", "-keyform", "engine", "-key", &key, "-cert", cert];
        let mut command = openssl(token);
        command.args(serve).args(["-accept", "127.0.0.1:0", "-www"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let ready = lines.find_map(|line| line.expect("text").strip_prefix("ACCEPT ").map(str::to_owned));
        Self(child, ready.expect("the server says where it listens"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn tls_works(key_type: &str, label: &str) {
    let token = with_pair(label, key_type);
    let cert = certificate(&token);
    let server = Server::start(&token, &cert);
    for version in ["-tls1_2", "-tls1_3"] {
        let connect = ["s_client", "-connect", &server.1, "-CAfile", &cert, "-verify_return_error", "-brief"];
        let said = succeed(token.program("openssl").args(connect).args([version, "-servername", "localhost"]));
        said.expect("Verification: OK");
    }
}

#[test]
fn a_tls_server_with_an_rsa_key_in_the_token() {
    tls_works("rsa:2048", "tls-rsa");
}

#[test]
fn a_tls_server_with_an_ec_key_in_the_token() {
    tls_works("EC:prime256v1", "tls-ec");
}

#[test]
fn dgst_signs_with_the_tokens_key() {
    for (label, key_type) in [("dgst-rsa", "rsa:2048"), ("dgst-ec", "EC:secp384r1")] {
        let token = with_pair(label, key_type);
        let (data, signature, public) = (token.file("data"), token.file("signature"), token.file("public.pem"));
        fs::write(&data, b"signed through the engine").expect("a file");
        let key = private_key(&token, "tls");
        let sign = ["dgst", "-engine", "pkcs11", "-keyform", "engine", "-sign", &key, "-sha256"];
        succeed(openssl(&token).args(sign).args(["-out", text(&signature), text(&data)]));
        let cert = certificate(&token);
        succeed(openssl(&token).args(["x509", "-in", &cert, "-pubkey", "-noout", "-out", text(&public)]));
        let verify = ["dgst", "-sha256", "-verify", text(&public), "-signature", text(&signature)];
        succeed(token.program("openssl").args(verify).arg(&data)).expect("Verified OK");
    }
}

#[test]
fn pkeyutl_signs_and_decrypts_with_the_tokens_key() {
    let token = with_pair("pkeyutl", "rsa:2048");
    let cert = certificate(&token);
    let key = private_key(&token, "tls");
    let (data, sealed, opened) = (token.file("data"), token.file("sealed"), token.file("opened"));
    fs::write(&data, b"sealed for the token").expect("a file");
    let encrypt = ["pkeyutl", "-encrypt", "-certin", "-inkey", &cert];
    succeed(token.program("openssl").args(encrypt).args(["-in", text(&data), "-out", text(&sealed)]));
    let decrypt = ["pkeyutl", "-decrypt", "-engine", "pkcs11", "-keyform", "engine", "-inkey", &key];
    succeed(openssl(&token).args(decrypt).args(["-in", text(&sealed), "-out", text(&opened)]));
    assert_eq!(fs::read(opened).expect("the plaintext"), b"sealed for the token");
}

#[test]
fn a_wrong_pin_opens_no_key() {
    let token = with_pair("wrong", "EC:prime256v1");
    let key = format!("pkcs11:token={};object=tls;type=private?pin-value=not-the-pin", token.label());
    let read = ["pkey", "-engine", "pkcs11", "-inform", "engine", "-in", &key, "-pubout"];
    fail(openssl(&token).args(read));
}
