//! What clients that do not behave can cost, and what needs no signature.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod fixture;

use std::net::SocketAddr;

use fixture::{settings, signed_to, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn open(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// All that comes back before the server closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is as good an end as any.
    let _ = open(address, bytes).await.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(extra: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.1\r\n{extra}\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_needs_no_signature() {
    let address = start(settings());
    for path in ["/ping", "/healthz"] {
        let answer = exchange(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("x-amzn-requestid: "), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_there_only_with_a_hook() {
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    assert!(exchange(start(settings()), request).await.starts_with("HTTP/1.1 404"));
    let mut with_hook = settings();
    with_hook.metrics = Some(std::sync::Arc::new(|| "calls_total 1\n".to_owned()));
    assert!(exchange(start(with_hook), request).await.ends_with("calls_total 1\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_target_is_an_unknown_operation() {
    let answer = exchange(start(settings()), &post("Content-Length: 0\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("UnknownOperationException"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_body_is_refused_before_it_is_read() {
    let head = post("X-Amz-Target: ToyService.Echo\r\nContent-Length: 1000000000\r\n");
    let answer = exchange(start(settings()), &head).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("RequestEntityTooLarge"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_grows_past_the_limit_is_refused() {
    let mut request = post("X-Amz-Target: ToyService.Echo\r\nTransfer-Encoding: chunked\r\n");
    request.extend_from_slice(b"1001\r\n");
    request.extend_from_slice(&[b'x'; 4097]);
    request.extend_from_slice(b"\r\n");
    let answer = exchange(start(settings()), &request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_no_http_and_ends_only_its_own_connection() {
    let address = start(settings());
    let answer = exchange(address, b"\x16\x03\x01\x02\x00garbage\r\n\r\n").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(signed_to("good", address).await["status"], 200);
}

/// Nothing sent, the first byte of what may be HTTP/2, half a head: each holds the only place until it is closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_gives_its_place_back() {
    let mut narrow = settings();
    narrow.max_connections = 1;
    let address = start(narrow);
    for sent in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nX-"] {
        let _held = open(address, sent).await;
        assert_eq!(signed_to("good", address).await["status"], 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_keep_nobody_waiting() {
    let mut patient = settings();
    patient.header_timeout = std::time::Duration::from_secs(3600);
    let address = start(patient);
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(open(address, b"POST / HT").await);
    }
    assert_eq!(signed_to("good", address).await["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_ends() {
    let server = fixture::bind(settings());
    let address = server.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let _held = open(address, b"POST / HT").await;
    assert_eq!(signed_to("good", address).await["status"], 200);
    stop.send(()).unwrap();
    running.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_named() {
    let address = start(settings());
    let credentials = aws_json::Credentials::new(Vec::new()).unwrap();
    let again = aws_json::Server::bind(address, settings(), credentials, fixture::Toy);
    let text = again.err().unwrap().to_string();
    assert!(text.contains(&address.to_string()) && text.contains("choose another port"), "{text}");
}
