//! HSMs over the HSM protocol: through the client, and through the PKCS#11 library with pkcs11-tool.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use cluster_agent::hsm::{Activation, Hosts, HsmHost, HsmSpec, Limits, TlsIdentity};
use hsm_client::{Access, Cluster, Endpoint, Fill, Session, Trust};
use hsm_core::crypto::kdf::KdfCost;
use hsm_core::{Error, Settings};
use hsm_types::wire::Function;
use hsm_types::{AttributeType as A, Mechanism, MechanismType, ObjectClass, ObjectId, Params, Rv, Template};

const ADMIN: u64 = 0;
const CRYPTO_USER: u64 = 1;

/// Lets every cluster be activated once.
#[derive(Default)]
struct Always(Mutex<()>);

impl Activation for Always {
    fn activate(&self, _cluster_id: &str, create: &mut dyn FnMut() -> Result<(), Error>) -> Result<(), Error> {
        let _one = self.0.lock()?;
        create()
    }
}

struct Fixture {
    hosts: Hosts,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new(hsms: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { kdf_cost: KdfCost::FLOOR, ..Settings::default_for(PathBuf::new()) };
        let hosts = Hosts::new(Limits::default(), settings, Arc::new(Always::default()));
        let fixture = Self { directory, hosts };
        (0..hsms).for_each(|index| fixture.start(index));
        fixture
    }

    fn start(&self, index: usize) {
        self.hosts
            .start(&HsmSpec {
                cluster_id: "cluster-q3m7txk2wdn".to_owned(),
                hsm_id: format!("hsm-{index}"),
                address: None,
                socket: self.socket(index),
                store: self.directory.path().join("store"),
            })
            .unwrap();
    }

    fn stop(&self, index: usize) {
        self.hosts.stop(&format!("hsm-{index}"));
    }

    fn socket(&self, index: usize) -> PathBuf {
        self.directory.path().join(format!("hsm-{index}.sock"))
    }

    /// A client of some HSMs, in this order.
    fn client(&self, hsms: &[usize]) -> Arc<Cluster> {
        let endpoints = hsms.iter().map(|index| Endpoint::Unix(self.socket(*index))).collect();
        Cluster::new(hsm_client::Settings::default_for(endpoints)).unwrap()
    }

    /// An active cluster with the crypto user `alice`.
    fn with_alice(hsms: usize) -> Self {
        let fixture = Self::new(hsms);
        let cluster = fixture.client(&[0]);
        cluster.activate(b"adminpass1").unwrap();
        let admin = cluster.open_session(Access::ReadWrite).unwrap();
        admin.login(ADMIN, Some(b"admin"), b"adminpass1").unwrap();
        create_user(&admin, "alice", b"alicepass1");
        fixture
    }

    fn alice(&self, hsms: &[usize]) -> Session {
        let session = self.client(hsms).open_session(Access::ReadWrite).unwrap();
        session.login(CRYPTO_USER, Some(b"alice"), b"alicepass1").unwrap();
        session
    }
}

fn user_call(admin: &Session, function: Function, name: &str, password: &[u8]) -> Result<(), hsm_client::Error> {
    admin.tell(function, |request| {
        request.number = 1;
        request.more = Some(name.as_bytes().to_vec());
        request.data = password.to_vec();
    })
}

fn create_user(admin: &Session, name: &str, password: &[u8]) {
    user_call(admin, Function::CreateUser, name, password).unwrap();
}

fn aes_key(session: &Session, label: &str, token: bool) -> ObjectId {
    let mut template = Template::default();
    template.set(A::LABEL, label.as_bytes());
    template.set_ulong(A::VALUE_LEN, 32);
    for attribute in [A::ENCRYPT, A::DECRYPT] {
        template.set_bool(attribute, true);
    }
    template.set_bool(A::TOKEN, token);
    let mechanism = Mechanism { mechanism: MechanismType::AES_KEY_GEN, params: Params::None };
    session
        .made(Function::GenerateKey, |request| {
            request.mechanism(&mechanism).template(&template);
        })
        .unwrap()
}

fn gcm() -> Mechanism {
    let params = Params::Gcm { iv: vec![7; 12], aad: Vec::new(), tag_bits: 128 };
    Mechanism { mechanism: MechanismType::AES_GCM, params }
}

fn begin(session: &Session, key: ObjectId) -> Result<(), hsm_client::Error> {
    session.tell(Function::EncryptInit, |request| {
        request.mechanism(&gcm()).object(key);
    })
}

fn encrypt(session: &Session) -> Result<Vec<u8>, hsm_client::Error> {
    let mut out = vec![0; 64];
    let length = session.output(Function::Encrypt, Some(&mut out), |request| request.data = b"plaintext".to_vec())?;
    out.truncate(length);
    Ok(out)
}

fn find(session: &Session, label: &str) -> Vec<ObjectId> {
    let mut template = Template::default();
    template.set(A::LABEL, label.as_bytes());
    template.set_ulong(A::CLASS, ObjectClass::SECRET_KEY.0);
    session
        .tell(Function::FindInit, |request| {
            request.template(&template);
        })
        .unwrap();
    let found = session.objects(Function::Find, |request| request.number = 10).unwrap();
    session.tell(Function::FindFinal, |_| ()).unwrap();
    found
}

#[test]
fn a_cluster_is_activated_once_and_lists_its_users_without_a_login() {
    let fixture = Fixture::new(1);
    let cluster = fixture.client(&[0]);
    let roles =
        |cluster: &Cluster| cluster.users().unwrap().iter().map(|u| (u.name.clone(), u.role)).collect::<Vec<_>>();
    assert_eq!(roles(&cluster), [("admin".to_owned(), 2)]);
    assert_eq!(cluster.open_session(Access::ReadWrite).err().unwrap().rv(), Rv::TOKEN_NOT_RECOGNIZED);
    cluster.activate(b"adminpass1").unwrap();
    assert_eq!(roles(&cluster), [("admin".to_owned(), 0)]);
    assert_eq!(cluster.activate(b"adminpass1").unwrap_err().rv(), Rv::FUNCTION_REJECTED);
}

#[test]
fn what_happens_on_one_hsm_is_so_on_the_others_at_once() {
    let fixture = Fixture::with_alice(2);
    let (here, there) = (fixture.alice(&[0]), fixture.alice(&[1]));
    let key = aes_key(&here, "shared", true);
    assert_eq!(find(&there, "shared"), [key]);
    begin(&there, key).unwrap();
    here.tell(Function::DestroyObject, |request| {
        request.object(key);
    })
    .unwrap();
    assert!(encrypt(&there).is_err(), "an operation goes on with a key that was destroyed on another HSM");
    assert_eq!(find(&there, "shared"), []);
}

#[test]
fn five_wrong_passwords_on_two_hsms_lock_the_account_everywhere() {
    let fixture = Fixture::with_alice(2);
    let logged_in = fixture.alice(&[0]);
    let key = aes_key(&logged_in, "key", true);
    begin(&logged_in, key).unwrap();
    for guess in 0..5 {
        let session = fixture.client(&[guess % 2]).open_session(Access::ReadWrite).unwrap();
        assert_eq!(session.login(CRYPTO_USER, Some(b"alice"), b"wrongpass").unwrap_err().rv(), Rv::PIN_INCORRECT);
    }
    for index in [0, 1] {
        let session = fixture.client(&[index]).open_session(Access::ReadWrite).unwrap();
        assert_eq!(session.login(CRYPTO_USER, Some(b"alice"), b"alicepass1").unwrap_err().rv(), Rv::PIN_LOCKED);
    }
    assert!(encrypt(&logged_in).is_err(), "an operation of a locked user goes on");
}

#[test]
fn a_password_is_not_changed_while_the_user_is_logged_in_on_another_hsm() {
    let fixture = Fixture::with_alice(2);
    let alice = fixture.alice(&[1]);
    let admin = fixture.client(&[0]).open_session(Access::ReadWrite).unwrap();
    admin.login(ADMIN, Some(b"admin"), b"adminpass1").unwrap();
    let refused = user_call(&admin, Function::ChangePassword, "alice", b"otherpass1").unwrap_err();
    assert_eq!(refused.rv(), Rv::FUNCTION_REJECTED, "{refused}");
    alice.logout().unwrap();
    user_call(&admin, Function::ChangePassword, "alice", b"otherpass1").unwrap();
    assert_eq!(alice.login(CRYPTO_USER, Some(b"alice"), b"alicepass1").unwrap_err().rv(), Rv::PIN_INCORRECT);
    alice.login(CRYPTO_USER, Some(b"alice"), b"otherpass1").unwrap();
}

#[test]
fn a_session_outlives_its_hsm_and_says_what_died_with_it() {
    let fixture = Fixture::with_alice(2);
    let session = fixture.alice(&[0, 1]);
    let key = aes_key(&session, "durable", true);
    let passing = aes_key(&session, "passing", false);
    for index in [0, 1] {
        begin(&session, key).unwrap();
        fixture.stop(index);
        // Begun and not yet fed: it begins again on the other HSM, with the login renewed.
        assert_eq!(encrypt(&session).unwrap().len(), 9 + 16);
        fixture.start(index);
    }
    assert_eq!(begin(&session, passing).unwrap_err().rv(), Rv::KEY_HANDLE_INVALID);
}

#[test]
fn a_login_ends_with_the_last_session_even_when_its_hsm_is_dead() {
    let fixture = Fixture::with_alice(2);
    let cluster = fixture.client(&[0, 1]);
    let session = cluster.open_session(Access::ReadWrite).unwrap();
    session.login(CRYPTO_USER, Some(b"alice"), b"alicepass1").unwrap();
    fixture.stop(0);
    fixture.stop(1);
    session.close().unwrap();
    fixture.start(0);
    fixture.start(1);
    // CKS_RW_PUBLIC_SESSION.
    assert_eq!(cluster.open_session(Access::ReadWrite).unwrap().state().unwrap(), 2);
}

#[test]
fn a_client_without_any_hsm_is_told_which_ones_it_tried() {
    let fixture = Fixture::with_alice(1);
    let session = fixture.alice(&[0]);
    fixture.stop(0);
    let refused = session.state().unwrap_err();
    assert_eq!(refused.rv(), Rv::DEVICE_ERROR);
    assert!(refused.to_string().contains("hsm-0.sock"), "{refused}");
}

#[test]
fn garbage_costs_the_others_nothing() {
    use std::io::Write as _;
    let fixture = Fixture::with_alice(1);
    let mut kept = Vec::new();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0, 0, 0, 9], &[0, 0, 0, 2, 8, 2], b""] {
        let mut stream = std::os::unix::net::UnixStream::connect(fixture.socket(0)).unwrap();
        // The HSM may have hung up already.
        let _ = stream.write_all(bytes);
        kept.push(stream);
    }
    let session = fixture.alice(&[0]);
    assert!(session.state().is_ok());
}

fn library() -> PathBuf {
    // Beside the folder of the test programs.
    let program = std::env::current_exe().unwrap();
    let library = program.ancestors().nth(2).unwrap().join("libkinko_pkcs11.so");
    assert!(library.exists(), "{} is missing: run `cargo build --release` first", library.display());
    library
}

#[test]
fn pkcs11_tool_makes_and_uses_keys_of_a_cluster() {
    let fixture = Fixture::with_alice(2);
    let configuration = fixture.directory.path().join("kinko.toml");
    std::fs::write(&configuration, "[[cluster]]\nsockets = [\"hsm-0.sock\", \"hsm-1.sock\"]\n").unwrap();
    let data = fixture.directory.path().join("data");
    std::fs::write(&data, b"to be signed").unwrap();
    let tool = |arguments: &[&str]| {
        let output = Command::new("pkcs11-tool")
            .env("KINKO_CONF", &configuration)
            .arg("--module")
            .arg(library())
            .args(["--login", "--pin", "alice:alicepass1"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    tool(&["--keypairgen", "--key-type", "rsa:2048", "--label", "signer", "--id", "01"]);
    let signature = fixture.directory.path().join("signature");
    let (data, signature) = (data.to_str().unwrap(), signature.to_str().unwrap());
    fixture.stop(0);
    tool(&["--sign", "-m", "SHA256-RSA-PKCS", "--id", "01", "-i", data, "-o", signature]);
    tool(&["--verify", "-m", "SHA256-RSA-PKCS", "--id", "01", "-i", data, "--signature-file", signature]);
    assert!(tool(&["--list-objects"]).contains("signer"));
}

#[test]
fn an_address_in_use_is_named() {
    let fixture = Fixture::new(0);
    let taken = std::os::unix::net::UnixListener::bind(fixture.socket(0)).unwrap();
    let spec = HsmSpec {
        cluster_id: "cluster-q3m7txk2wdn".to_owned(),
        hsm_id: "hsm-0".to_owned(),
        address: None,
        socket: fixture.socket(0),
        store: fixture.directory.path().join("store"),
    };
    let refused = fixture.hosts.start(&spec).unwrap_err();
    assert!(refused.to_string().contains("hsm-0.sock"), "{refused}");
    drop(taken);
}

/// A trust anchor and an HSM certificate that it signed, made with openssl as an owner does: the second one is of
/// version 1, since no extensions were asked for.
struct Certificates {
    directory: tempfile::TempDir,
}

impl Certificates {
    fn new(days: &str) -> Self {
        let this = Self { directory: tempfile::tempdir().unwrap() };
        let openssl = |line: &str| {
            let output =
                Command::new("openssl").current_dir(this.directory.path()).args(line.split(' ')).output().unwrap();
            assert!(output.status.success(), "{line}: {output:?}");
        };
        openssl(
            "req -new -x509 -newkey rsa:2048 -nodes -keyout customerCA.key -out customerCA.crt -days 30 -subj /CN=owner",
        );
        openssl("req -new -newkey rsa:2048 -nodes -keyout hsm.key -out hsm.csr -subj /CN=HSM:1:PARTN:1");
        openssl(&format!(
            "x509 -req -days {days} -in hsm.csr -CA customerCA.crt -CAkey customerCA.key -CAcreateserial -out hsm.crt"
        ));
        this
    }

    fn anchor(&self) -> PathBuf {
        self.directory.path().join("customerCA.crt")
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap()
    }
}

/// Starts an HSM with these certificates and connects with that anchor.
fn over_tls(certificates: &Certificates, anchor: &Path) -> Result<Vec<(String, u32)>, hsm_client::Error> {
    let fixture = Fixture::new(0);
    // A port of the system's choice is free; nobody else listens on this address of the loopback network.
    let ip = IpAddr::V4(Ipv4Addr::new(127, 83, 0, 1));
    let port = std::net::TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().port();
    let identity = TlsIdentity { chain: certificates.text("hsm.crt"), key: certificates.text("hsm.key").into() };
    let spec = HsmSpec {
        cluster_id: "cluster-q3m7txk2wdn".to_owned(),
        hsm_id: "hsm-0".to_owned(),
        address: Some((ip, port, identity)),
        socket: fixture.socket(0),
        store: fixture.directory.path().join("store"),
    };
    fixture.hosts.start(&spec).unwrap();
    let trust = Arc::new(Trust::load(anchor, None)?);
    let endpoint = Endpoint::Tls { address: (ip, port).into(), trust };
    let cluster = Cluster::new(hsm_client::Settings::default_for(vec![endpoint]))?;
    Ok(cluster.users()?.iter().map(|user| (user.name.clone(), user.role)).collect())
}

#[test]
fn a_certificate_that_the_owner_signed_is_accepted() {
    let certificates = Certificates::new("30");
    assert_eq!(over_tls(&certificates, &certificates.anchor()).unwrap(), [("admin".to_owned(), 2)]);
}

#[test]
fn another_owners_certificate_and_an_expired_one_are_refused_by_name() {
    let (ours, theirs) = (Certificates::new("30"), Certificates::new("30"));
    let refused = over_tls(&ours, &theirs.anchor()).unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    let expired = Certificates::new("-1");
    let refused = over_tls(&expired, &expired.anchor()).unwrap_err();
    assert!(refused.to_string().contains("Expired"), "{refused}");
}

/// Numbers that look random and are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = usize::try_from(self.next()).unwrap() % (most + 1);
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

#[test]
fn requests_of_nonsense_are_answered_and_harm_nobody() {
    use hsm_types::wire::{CLIENT_LEN, Reply, Request, VERSION};
    let fixture = Fixture::with_alice(1);
    let neighbour = fixture.alice(&[0]);
    let key = aes_key(&neighbour, "neighbour", true);
    let mut stream = std::os::unix::net::UnixStream::connect(fixture.socket(0)).unwrap();
    let mut ask = |request: &Request| -> Reply {
        hsm_client::frame::write(&mut stream, request).unwrap();
        hsm_client::frame::read(&mut stream, std::time::Duration::from_secs(60)).unwrap().unwrap()
    };
    let mut hello = Request::default();
    hello.function = Function::Hello.code();
    hello.number = VERSION;
    hello.data = vec![5; CLIENT_LEN];
    assert_eq!(ask(&hello).rv, 0);
    let mut open = Request::default();
    open.function = Function::OpenSession.code();
    open.number = 1;
    let session = ask(&open).number;
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..4000_usize {
        let mut request = Request::default();
        request.function = Function::ALL[round % Function::ALL.len()].code();
        if [Function::Activate.code(), Function::Login.code()].contains(&request.function) {
            continue;
        }
        request.session = if numbers.next().is_multiple_of(8) { numbers.next() } else { session };
        request.mechanism = (numbers.next().is_multiple_of(2)).then(|| numbers.bytes(64));
        request.objects = (0..numbers.next() % 3)
            .map(|_| if numbers.next().is_multiple_of(2) { key.0 } else { numbers.next() })
            .collect();
        request.templates = (0..numbers.next() % 3).map(|_| numbers.bytes(64)).collect();
        request.data = numbers.bytes(64);
        request.more = (numbers.next().is_multiple_of(2)).then(|| numbers.bytes(64));
        request.room = (numbers.next().is_multiple_of(2)).then(|| numbers.next());
        request.number = numbers.next() >> (numbers.next() % 64);
        request.numbers = (0..numbers.next() % 5).map(|_| numbers.next() % 0x700).collect();
        let reply = ask(&request);
        assert_ne!(reply.rv, Rv::GENERAL_ERROR.0, "{request:?}");
    }
    begin(&neighbour, key).unwrap();
    encrypt(&neighbour).unwrap();
}

#[test]
fn a_hostile_or_silent_hsm_is_an_error_and_no_hang() {
    use std::io::{Read as _, Write as _};
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut answers =
        vec![None, Some(vec![0xff; 40]), Some(vec![0, 0, 0, 1]), Some(Vec::new()), Some(b"HTTP/1.1 400\r\n".to_vec())];
    answers.extend((0..20).map(|_| Some(numbers.bytes(60))));
    for answer in answers {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hsm.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let silent = answer.is_none();
        let served = std::thread::Builder::new().spawn(move || {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                let mut first = [0];
                if stream.read(&mut first).unwrap_or(0) == 0 {
                    // The test's own knock: it is over.
                    return;
                }
                if let Some(answer) = &answer {
                    let _ = stream.write_all(answer);
                } else {
                    kept.push(stream);
                }
            }
        });
        let mut settings = hsm_client::Settings::default_for(vec![Endpoint::Unix(path.clone())]);
        settings.call_timeout = std::time::Duration::from_millis(50);
        let cluster = Cluster::new(settings).unwrap();
        let refused = cluster.users().unwrap_err();
        assert_eq!(refused.rv(), Rv::DEVICE_ERROR, "silent: {silent}, {refused}");
        drop(std::os::unix::net::UnixStream::connect(&path).unwrap());
        served.unwrap().join().unwrap();
    }
}
