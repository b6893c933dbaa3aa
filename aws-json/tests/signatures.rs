//! Which signed requests are let in; botocore signs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod fixture;

use fixture::signed;

async fn let_in(case: &str) {
    let answer = signed(case).await;
    assert_eq!(answer["status"], 200, "{case}: {answer}");
    assert_eq!(answer["body"]["account"], "123456789012", "{case}");
    assert_eq!(answer["body"]["region"], "eu-central-1", "{case}");
    assert_eq!(answer["id"], answer["body"]["id"], "{case}: the request ID is the same inside and outside");
}

async fn refused(case: &str, status: u16, code: &str) {
    let answer = signed(case).await;
    assert_eq!(answer["status"], status, "{case}: {answer}");
    assert_eq!(answer["type"], code, "{case}: {answer}");
    assert_eq!(answer["body"]["__type"], code, "{case}: {answer}");
    assert_eq!(answer["id"].as_str().unwrap().len(), 36, "{case}");
}

macro_rules! promises {
    ($($name:ident: $outcome:expr;)*) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() { $outcome.await; }
    )* };
}

promises! {
    a_good_signature_is_let_in: let_in("good");
    a_query_is_part_of_the_signature: let_in("query");
    a_session_token_is_let_in: let_in("token");
    a_presigned_request_is_let_in: let_in("presigned");
    five_minutes_late_is_in_time: let_in("late_but_in_time");
    five_minutes_early_is_in_time: let_in("early_but_in_time");
    a_replay_after_the_window_is_refused: refused("late", 400, "InvalidSignatureException");
    a_signature_from_the_future_is_refused: refused("early", 400, "InvalidSignatureException");
    a_changed_body_is_refused: refused("changed_body", 400, "InvalidSignatureException");
    a_hash_header_does_not_vouch_for_a_body: refused("changed_body_and_hash", 400, "InvalidSignatureException");
    a_changed_header_is_refused: refused("changed_header", 400, "InvalidSignatureException");
    a_changed_target_is_refused: refused("changed_target", 400, "InvalidSignatureException");
    an_amazon_header_outside_the_signature_is_refused: refused("added_amazon_header", 400, "InvalidSignatureException");
    a_target_outside_the_signature_is_refused: refused("target_not_signed", 400, "InvalidSignatureException");
    a_changed_presigned_query_is_refused: refused("presigned_changed", 400, "InvalidSignatureException");
    a_wrong_secret_is_refused: refused("wrong_secret", 400, "InvalidSignatureException");
    another_services_signature_is_refused: refused("wrong_service", 400, "InvalidSignatureException");
    another_regions_signature_is_refused: refused("wrong_region", 400, "InvalidSignatureException");
    an_unknown_key_is_refused: refused("unknown_key", 400, "UnrecognizedClientException");
    a_wrong_token_is_refused: refused("wrong_token", 400, "UnrecognizedClientException");
    a_missing_token_is_refused: refused("no_token", 400, "UnrecognizedClientException");
    a_token_of_another_key_is_refused: refused("needless_token", 400, "UnrecognizedClientException");
    a_request_without_signature_is_refused: refused("unsigned", 400, "MissingAuthenticationTokenException");
    a_signature_without_a_date_is_refused: refused("no_date", 400, "IncompleteSignatureException");
    a_malformed_signature_is_refused: refused("malformed", 400, "IncompleteSignatureException");
    an_unknown_operation_is_named_so: refused("unknown_operation", 400, "UnknownOperationException");
    another_content_type_is_refused: refused("wrong_content_type", 400, "UnknownOperationException");
    bad_json_is_named_so: refused("bad_json", 400, "SerializationException");
    a_body_that_is_no_object_is_named_so: refused("not_an_object", 400, "SerializationException");
    an_exception_reaches_the_client: refused("fail", 400, "ToyException");
    a_panic_is_an_internal_failure: refused("panic", 500, "InternalFailure");
}

/// curl signs by itself; over HTTP/2 there is no Host header, only the authority.
#[tokio::test(flavor = "multi_thread")]
async fn a_good_signature_is_let_in_over_http_2() {
    // curl signs with the system's time.
    let date = std::process::Command::new("date").arg("+%s").output().unwrap();
    let now: u64 = String::from_utf8(date.stdout).unwrap().trim().parse().unwrap();
    let mut settings = fixture::settings();
    settings.clock = std::sync::Arc::new(move || now);
    let address = fixture::start(settings);
    let mut curl = std::process::Command::new("curl");
    curl.args(["-sS", "--http2-prior-knowledge", "--aws-sigv4", "aws:amz:eu-central-1:toy"]);
    curl.args(["--user", "AKIATOY:a-secret-of-the-toy-service"]);
    curl.args(["-H", "Content-Type: application/x-amz-json-1.1", "-H", "X-Amz-Target: ToyService.Echo"]);
    curl.args(["-d", "{\"a\": 1}", "-w", " %{http_version} %{http_code}", &format!("http://{address}/")]);
    let output = tokio::task::spawn_blocking(move || curl.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.ends_with(" 2 200"), "{text}");
}
