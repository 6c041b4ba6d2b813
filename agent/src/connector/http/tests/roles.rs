//! Keys that sign requests, and whoever gives them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use super::{SECRET, auth, client, form, moments, page, read};
use crate::connector::{
    FailureReason,
    replay::loopback::{Loopback, Received, Reply},
    testing::ids,
};

/// The id of the key that signed, and the session's token.
fn signer(received: &Received) -> Option<(String, Option<&str>)> {
    let signature = received.header("authorization")?.strip_prefix("AWS4-HMAC-SHA256 Credential=")?;
    let (id, rest) = signature.split_once('/')?;
    (rest.contains("/eu-1/service/aws4_request, ")).then(|| (id.to_owned(), received.header("x-amz-security-token")))
}

fn keys(number: usize, seconds: i64) -> Reply {
    let json = json!({"Code": "Success", "AccessKeyId": format!("K{number}"), "SecretAccessKey": SECRET, "Token": format!("{SECRET}-{number}"), "Expiration": moments(seconds).0});
    Reply::json(200, &json)
}

#[tokio::test]
async fn every_request_is_signed_and_each_signature_is_another() {
    let signatures = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&signatures);
    let server = Loopback::start(move |received| {
        assert_eq!(signer(received), Some(("id".to_owned(), None)));
        list.lock().unwrap().push(received.header("authorization").unwrap().to_owned());
        if received.path == "/s" && received.query.is_empty() { Reply::new(302, "text/plain", "").with("location", "/other") } else { page(received) }
    });
    let server = server.await.unwrap();
    let written = format!("{{ sigv4: {{ access_key_id: id, secret_access_key: {SECRET} }} }}");
    assert_eq!(ids(&read(&client(server.url(), auth(&written)).unwrap()).await.unwrap()), ["a", "b"]);
    assert!(matches!(&signatures.lock().unwrap()[..2], [first, redirected] if first != redirected), "one for each address");
    let server = Loopback::start(|_| Reply::json(403, &json!({})).with("date", &moments(900).1)).await.unwrap();
    let failure = read(&client(server.url(), auth(&written)).unwrap()).await.unwrap_err();
    assert!(failure.message.contains("`region` and `service`") && failure.message.contains(" s ahead of"), "{failure}");
}

#[tokio::test]
async fn a_role_gives_keys_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Loopback::start(move |received| {
        let next = || count.fetch_add(1, Ordering::SeqCst) + 1;
        match (received.method.as_str(), received.path.as_str()) {
            ("GET", "/container") => {
                assert_eq!(received.header("authorization"), Some(SECRET));
                keys(next(), 3600)
            }
            ("PUT", "/latest/api/token") => {
                assert!(received.header("x-aws-ec2-metadata-token-ttl-seconds").is_some());
                Reply::new(200, "text/plain", SECRET)
            }
            (_, path) if path.starts_with("/latest/meta-data/iam/security-credentials/") => {
                assert_eq!(received.header("x-aws-ec2-metadata-token"), Some(SECRET));
                if path.ends_with('/') { Reply::new(200, "text/plain", "my-role") } else { keys(next(), 3600) }
            }
            ("POST", "/") => {
                let form = form(received);
                assert_eq!(["Action", "RoleArn", "WebIdentityToken"].map(|name| form[name].as_str()), ["AssumeRoleWithWebIdentity", "arn:x", SECRET]);
                let (number, ends) = (next(), moments(3600).0);
                let xml = format!(
                    "<R><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>K{number}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{SECRET}-{number}</SessionToken><Expiration>{ends}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></R>"
                );
                Reply::new(200, "text/xml", xml)
            }
            // The first keys end in the middle of the walk.
            _ => match signer(received) {
                Some((id, session)) if id == "K2" || (id == "K1" && received.query.is_empty()) => {
                    assert_eq!(session, Some(format!("{SECRET}-{}", &id[1..]).as_str()));
                    page(received)
                }
                _ => Reply::json(403, &json!({})),
            },
        }
    });
    let server = server.await.unwrap();
    let base = server.url();
    let file = file.display();
    for written in [
        format!("role: container, endpoint: '{base}container', token_file: '{file}'"),
        format!("role: instance, endpoint: '{base}'"),
        format!("role: web_identity, endpoint: '{base}', role_arn: 'arn:x', token_file: '{file}'"),
    ] {
        asked.store(0, Ordering::SeqCst);
        let client = client(base.clone(), auth(&format!("{{ sigv4: {{ {written} }} }}"))).unwrap();
        assert_eq!(ids(&read(&client).await.unwrap()), ["a", "b"], "{written}");
        read(&client).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2, "{written}");
    }
}

#[tokio::test]
async fn a_role_that_gives_nothing_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, SECRET).unwrap();
    for (status, body, written, expected) in [
        (400, "<E><Error><Code>ExpiredTokenException</Code><Message>hush-77</Message></Error></E>", "web_identity", "token has expired"),
        (403, "<E><Error><Code>AccessDenied</Code></Error></E>", "web_identity", "may not take on the role"),
        (400, "hush-77", "web_identity", "answered 400: check `role_arn`"),
        (200, "<E></E>", "web_identity", "the answer has none"),
        (404, "{}", "container", "Check that what this runs on has a role"),
        (200, r#"{"AccessKeyId": "a b", "SecretAccessKey": "hush-77"}"#, "container", "can't be sent"),
        (200, r#"{"AccessKeyId": "a", "SecretAccessKey": "hush-77", "Expiration": "soon"}"#, "container", "when they end"),
        (200, "hush 77/", "instance", "this machine has no role"),
    ] {
        let server = Loopback::start(move |_| Reply::new(status, "text/plain", body)).await.unwrap();
        let more = if written == "web_identity" { format!(", role_arn: 'arn:x', token_file: '{}'", file.display()) } else { String::new() };
        let text = format!("{{ sigv4: {{ role: {written}, endpoint: '{}'{more} }} }}", server.url());
        let failure = read(&client(server.url(), auth(&text)).unwrap()).await.unwrap_err();
        assert!(failure.message.contains(expected), "{body}: {failure}");
    }
}

#[tokio::test]
async fn a_profile_is_read_when_keys_are_needed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let write = |id: &str| std::fs::write(&file, format!("[mine]\naws_access_key_id = {id}\naws_secret_access_key = {SECRET}\n")).unwrap();
    write("K1");
    let next = Arc::new(Mutex::new("K1"));
    let good = Arc::clone(&next);
    let server = Loopback::start(move |received| {
        let is_good = signer(received).is_some_and(|(id, _)| id == *good.lock().unwrap());
        if is_good { page(received) } else { Reply::json(403, &json!({})) }
    });
    let server = server.await.unwrap();
    let written = format!("{{ sigv4: {{ profile: mine, credentials_file: '{0}', config_file: '{0}.none' }} }}", file.display());
    let client = client(server.url(), auth(&written)).unwrap();
    read(&client).await.unwrap();
    // Another program has written new keys, and the old ones are not good any more.
    write("K2");
    *next.lock().unwrap() = "K2";
    read(&client).await.unwrap();
    std::fs::write(&file, "").unwrap();
    *next.lock().unwrap() = "K3";
    let failure = read(&client).await.unwrap_err();
    assert!(failure.reason == FailureReason::Configuration && failure.message.contains("no such profile"), "{failure}");
}
