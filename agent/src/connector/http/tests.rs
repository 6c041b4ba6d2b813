//! Credentials that are fetched, renewed and signed, against servers that look at what comes.

mod roles;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Command,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL};
use reqwest::Url;
use serde_json::{Value as Json, json};

use crate::{
    connector::{
        Auth, Client, Failure, FailureReason, Poll, poll,
        replay::loopback::{Loopback, Received, Reply},
        testing::{NOW, context, description, ids, source},
    },
    document::{Document, Mistakes},
    keys::{Hash, Scheme, is_signed},
};

/// Whatever must not show.
const SECRET: &str = "hush-77";

const CONNECTOR: &str = "name: test
kind: records
about: a test
auth: [oauth2, app, sigv4]
headers: { X-Own: 'yes' }
settings: { tenant: { default: acme, about: whose } }
oauth2: { path: '/{{ settings.tenant }}/token', scope: read }
app: { path: '/installations/{{ installation }}/tokens', token: token, expires: expires_at, lifetime: 9m, json: { permissions: { issues: read } } }
sigv4: { service: service, region: eu-1 }
streams:
- { name: systems, feeds: [systems], request: { path: /s }, rows: '.items[]', page: { token: { next: .next, param: t } }, key: .id, records: '{record: \"system\", id, name: .name}' }
";

/// A folder with an RSA key as PEM, and its public key.
static KEY: LazyLock<(tempfile::TempDir, PathBuf, Vec<u8>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let name = file.to_str().unwrap();
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", name]);
    let public = openssl(&["rsa", "-in", name, "-RSAPublicKey_out", "-outform", "DER"]);
    (folder, file, public)
});

fn auth(text: &str) -> Auth {
    #[derive(serde::Deserialize)]
    struct Holder {
        auth: Auth,
    }
    let mut mistakes = Mistakes::default();
    let document = Document::parse("agent.yaml", &format!("auth: {text}"), &mut mistakes).unwrap();
    let holder: Option<Holder> = document.read(&mut mistakes);
    holder.unwrap_or_else(|| panic!("{mistakes}")).auth
}

/// `oauth2` with the fields of a client and its secret, and these.
fn of_client(more: &str) -> Auth {
    auth(&format!("{{ oauth2: {{ client_id: 'my id', client_secret: {SECRET}{more} }} }}"))
}

fn client(base: Url, auth: Auth) -> Result<Client, Failure> {
    Client::new(source(&description(CONNECTOR), base, auth))
}

async fn read(client: &Client) -> Result<Poll, Failure> {
    let outcome = poll(client, &context(BTreeMap::new())).await.and_then(Poll::whole);
    let shown = match &outcome {
        Ok(poll) => format!("{:?} {:?}", poll.log, client),
        Err(failure) => format!("{failure} {failure:?} {:?} {:?}", failure.log, client),
    };
    assert!(!shown.contains(SECRET) && !shown.contains("eyJh") && !shown.contains("Signature="), "{shown}");
    outcome
}

/// What a form says.
fn form(received: &Received) -> BTreeMap<String, String> {
    assert_eq!((received.method.as_str(), received.header("content-type")), ("POST", Some("application/x-www-form-urlencoded")));
    url::form_urlencoded::parse(&received.body).into_owned().collect()
}

fn token(number: usize, seconds: impl Into<Json>) -> Reply {
    Reply::json(200, &json!({"access_token": format!("{SECRET}-{number}"), "token_type": "bearer", "expires_in": seconds.into()}))
}

/// The second of two pages, or the first.
fn page(received: &Received) -> Reply {
    let second = received.query.iter().any(|(name, _)| name == "t");
    Reply::json(200, &if second { json!({"items": [{"id": "b"}]}) } else { json!({"items": [{"id": "a"}], "next": "2"}) })
}

/// The number of the token that a request shows.
fn shown(received: &Received) -> Option<usize> {
    received.header("authorization")?.strip_prefix("Bearer ")?.strip_prefix(SECRET)?.strip_prefix('-')?.parse().ok()
}

/// What a statement says that this key has signed.
fn signed(statement: &str, audience: Option<&str>) -> (Json, Json) {
    let (message, signature) = statement.rsplit_once('.').unwrap();
    assert!(is_signed(Scheme::Rsa(Hash::Sha256), &KEY.2, message.as_bytes(), &BASE64_URL.decode(signature).unwrap()));
    let (header, claims) = message.split_once('.').unwrap();
    let [header, claims] = [header, claims].map(|part| serde_json::from_slice::<Json>(&BASE64_URL.decode(part).unwrap()).unwrap());
    let [from, to] = ["iat", "exp"].map(|name| claims[name].as_i64().unwrap());
    assert!((NOW - 60..NOW).contains(&from) && to > NOW && to <= NOW + 600, "{claims}");
    assert_eq!((header["alg"].as_str(), claims["aud"].as_str()), (Some("RS256"), audience));
    (header, claims)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_requests_share_one_token_until_it_ends() {
    for (seconds, expected) in [(json!(3600), 1), (json!("3600"), 1), (json!(null), 1), (json!(0), 6)] {
        let tokens = Arc::new(AtomicUsize::new(0));
        let (count, lifetime) = (Arc::clone(&tokens), seconds.clone());
        let server = Loopback::start(move |received| match received.path.as_str() {
            "/acme/token" => {
                assert_eq!(received.header("authorization"), Some("Basic bXkraWQ6aHVzaC03Nw=="), "both as in a form");
                let expected = [("grant_type", "client_credentials"), ("scope", "read")].map(|(name, value)| (name.to_owned(), value.to_owned()));
                assert_eq!(form(received), BTreeMap::from(expected));
                token(count.fetch_add(1, Ordering::SeqCst) + 1, lifetime.clone())
            }
            _ if shown(received).is_some() => page(received),
            _ => Reply::json(401, &json!({})),
        });
        let server = server.await.unwrap();
        let client = client(server.url(), of_client("")).unwrap();
        let (one, other) = tokio::join!(read(&client), read(&client));
        assert_eq!([ids(&one.unwrap()), ids(&other.unwrap())], [["a", "b"]; 2]);
        assert_eq!(tokens.load(Ordering::SeqCst), expected, "tokens for six requests, each good for {seconds} s");
    }
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_of_a_walk_is_fetched_once_more() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tokens);
    let server = Loopback::start(move |received| match (received.path.as_str(), shown(received)) {
        ("/acme/token", _) => token(count.fetch_add(1, Ordering::SeqCst) + 1, 3600),
        (_, Some(1)) if received.query.is_empty() => page(received),
        (_, Some(2)) => page(received),
        _ => Reply::json(401, &json!({"why": SECRET})),
    });
    let server = server.await.unwrap();
    let client = client(server.url(), of_client("")).unwrap();
    let whole = read(&client).await.unwrap();
    let log: Vec<_> = whole.log.iter().map(|entry| format!("{} {}", entry.stream, entry.status.unwrap_or(0))).collect();
    assert_eq!(ids(&whole), ["a", "b"]);
    assert_eq!(log, ["token 200", "systems 200", "systems 401", "token 200", "systems 200", "systems 200"]);
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_an_alarm() {
    for (status, tokens, reason) in [(401, 2, FailureReason::Unauthorized), (403, 1, FailureReason::Forbidden)] {
        let server = Loopback::start(move |received| match received.path.as_str() {
            "/acme/token" => token(1, 3600),
            _ => Reply::json(status, &json!({})),
        });
        let server = server.await.unwrap();
        let failure = read(&client(server.url(), of_client("")).unwrap()).await.unwrap_err();
        assert_eq!((failure.reason, failure.log.len()), (reason, 2 * tokens), "{failure}");
        assert_eq!(failure.message.contains("`audience`, `resource` and `scope`"), status == 401, "{failure}");
    }
}

#[tokio::test]
async fn what_a_server_of_tokens_says_no_with() {
    type Case = (u16, &'static str, &'static [(&'static str, &'static str)], FailureReason, &'static str);
    let cases: [Case; 13] = [
        (
            401,
            r#"{"error": "invalid_client", "error_description": "hush-77"}"#,
            &[],
            FailureReason::Unauthorized,
            "refused (invalid_client): the client is unknown",
        ),
        (400, r#"{"error": "invalid_grant"}"#, &[], FailureReason::Unauthorized, "expired, revoked"),
        (400, r#"{"error": "invalid_scope"}"#, &[], FailureReason::Unauthorized, "check `scope`"),
        (400, r#"{"error": "invalid_target"}"#, &[], FailureReason::Unauthorized, "check `audience` and `resource`"),
        (400, r#"{"error": "hush-77"}"#, &[], FailureReason::Unauthorized, "answered 400: check `token_url`"),
        (401, "hush-77", &[], FailureReason::Unauthorized, "answered 401"),
        (403, "{}", &[], FailureReason::Forbidden, "token: "),
        (404, "{}", &[], FailureReason::NotFound, "token: "),
        (429, "{}", &[("retry-after", "3600")], FailureReason::RateLimited, "slow down"),
        (307, "", &[("location", "http://127.0.0.1:9/elsewhere")], FailureReason::Redirect, "another origin"),
        (200, r#"{"access_token": ""}"#, &[], FailureReason::NotExpectedFormat, "no `access_token`"),
        (200, r#"{"access_token": "hush-77", "token_type": "mac"}"#, &[], FailureReason::NotExpectedFormat, "no bearer's"),
        (200, "<html>hush-77</html>", &[], FailureReason::NotExpectedFormat, "HTML"),
    ];
    for (status, body, headers, reason, expected) in cases {
        let server = Loopback::start(move |received| {
            assert_eq!(received.path, "/acme/token", "nothing else is asked without a token");
            headers.iter().fold(Reply::new(status, "application/json", body), |reply, (name, value)| reply.with(name, value))
        });
        let server = server.await.unwrap();
        let failure = read(&client(server.url(), of_client("")).unwrap()).await.unwrap_err();
        assert_eq!(failure.reason, reason, "{body}: {failure}");
        assert!(failure.message.contains(expected), "{body}: {failure}");
        assert_eq!(failure.retry_after, (status == 429).then_some(Duration::from_hours(1)));
    }
}

#[tokio::test]
async fn a_server_of_tokens_that_is_busy_is_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Loopback::start(move |received| match received.path.as_str() {
        "/acme/token" if count.fetch_add(1, Ordering::SeqCst) == 0 => Reply::json(429, &json!({})).with("retry-after", "0"),
        "/acme/token" => token(1, 3600),
        _ => page(received),
    });
    let server = server.await.unwrap();
    assert_eq!(ids(&read(&client(server.url(), of_client("")).unwrap()).await.unwrap()), ["a", "b"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_server_of_tokens_elsewhere_and_the_upstream_are_told_nothing_of_each_other() {
    let elsewhere = Loopback::start(|received| {
        assert_eq!((received.header("x-own"), received.header("authorization")), (None, None));
        let form = form(received);
        assert_eq!(["client_id", "client_secret", "audience", "resource"].map(|name| form[name].as_str()), ["my id", SECRET, "them", "urn:x"]);
        token(1, 3600)
    });
    let elsewhere = elsewhere.await.unwrap();
    let outside = Loopback::start(|received| {
        assert_eq!(received.header("authorization"), None, "no token leaves the origin");
        page(received)
    });
    let outside = outside.await.unwrap();
    let (target, next) = (format!("{}s", outside.url()), outside.url());
    let upstream = Loopback::start(move |received| {
        assert_eq!((shown(received), received.header("x-own")), (Some(1), Some("yes")));
        let query = if received.query.is_empty() { "" } else { "?t=2" };
        Reply::new(302, "text/plain", "").with("location", &format!("{target}{query}"))
    });
    let upstream = upstream.await.unwrap();
    let written = of_client(&format!(", client_auth: post, audience: them, resource: 'urn:x', token_url: '{}token'", elsewhere.url()));
    let failure = read(&client(upstream.url(), written.clone()).unwrap()).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Redirect);
    let mut allowed = source(&description(CONNECTOR), upstream.url(), written);
    if let crate::connector::Location::Http(http) = &mut allowed.location {
        http.allow_redirects_to.push(next);
    }
    assert_eq!(ids(&read(&Client::new(allowed).unwrap()).await.unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn statements_are_signed_for_whom_they_are_meant() {
    let key = KEY.1.display();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&seen);
    let server = Loopback::start(move |received| match received.path.as_str() {
        "/acme/token" => {
            list.lock().unwrap().push(form(received));
            token(1, 3600)
        }
        _ => page(received),
    });
    let server = server.await.unwrap();
    let audience = format!("{}acme/token", server.url());
    for written in [
        format!("{{ oauth2: {{ client_id: me, key_file: '{key}', key_id: '7' }} }}"),
        format!("{{ oauth2: {{ grant: jwt_bearer, issuer: robot, subject: her, key_file: '{key}', scope_in: assertion }} }}"),
        format!("{{ oauth2: {{ grant: jwt_bearer, issuer: robot, key_file: '{key}', assertion_audience: them, scope: all }} }}"),
    ] {
        read(&client(server.url(), auth(&written)).unwrap()).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    let keys = |form: &BTreeMap<String, String>| form.keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&seen[0]), "client_assertion client_assertion_type client_id grant_type scope");
    let (header, first) = signed(&seen[0]["client_assertion"], Some(&audience));
    assert_eq!((&header["kid"], &first["iss"], &first["sub"], &first["scope"]), (&json!("7"), &json!("me"), &json!("me"), &Json::Null));
    assert_eq!(keys(&seen[1]), "assertion grant_type");
    let (_, second) = signed(&seen[1]["assertion"], Some(&audience));
    assert_eq!((&second["iss"], &second["sub"], &second["scope"]), (&json!("robot"), &json!("her"), &json!("read")));
    assert_eq!((keys(&seen[2]), seen[2]["scope"].as_str()), ("assertion grant_type scope".to_owned(), "all"));
    let (_, third) = signed(&seen[2]["assertion"], Some("them"));
    assert!(first["jti"] != second["jti"] && third["sub"].is_null() && third["scope"].is_null());
}

/// An RFC 3339 time and an HTTP date, so many seconds after now.
fn moments(seconds: i64) -> (String, String) {
    let moment = chrono::DateTime::from_timestamp(NOW + seconds, 0).unwrap();
    (moment.to_rfc3339(), moment.to_rfc2822())
}

fn app() -> Auth {
    auth(&format!("{{ app: {{ id: 12, installation: 34, key_file: '{}' }} }}", KEY.1.display()))
}

#[tokio::test]
async fn an_app_shows_its_statement_for_a_token() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tokens);
    let server = Loopback::start(move |received| match received.path.as_str() {
        "/installations/34/tokens" => {
            let (_, claims) = signed(received.header("authorization").unwrap().strip_prefix("Bearer ").unwrap(), None);
            assert_eq!((&claims["iss"], claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()), (&json!("12"), 540));
            assert_eq!((received.header("x-own"), received.body.as_slice()), (Some("yes"), br#"{"permissions":{"issues":"read"}}"#.as_slice()));
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            Reply::json(201, &json!({"token": format!("{SECRET}-{number}"), "expires_at": moments(3600).0}))
        }
        // The first token ends before its time.
        _ if shown(received) == Some(1) && !received.query.is_empty() => Reply::json(401, &json!({})),
        _ => page(received),
    });
    let server = server.await.unwrap();
    let client = client(server.url(), app()).unwrap();
    assert_eq!(ids(&read(&client).await.unwrap()), ["a", "b"]);
    read(&client).await.unwrap();
    assert_eq!(tokens.load(Ordering::SeqCst), 2);
    for (status, body, reason, expected) in [
        (401, json!({}), FailureReason::Unauthorized, "Check `id` and `key_file`"),
        (404, json!({}), FailureReason::Unauthorized, "Check `installation`"),
        (403, json!({}), FailureReason::Unauthorized, "suspended"),
        (422, json!({}), FailureReason::Unauthorized, "rights"),
        (201, json!({"token": SECRET}), FailureReason::NotExpectedFormat, "does not say in `expires_at`"),
        (201, json!({"expires_at": moments(60).0}), FailureReason::NotExpectedFormat, "no `token`"),
        (201, json!({"token": SECRET, "expires_at": moments(-60).0}), FailureReason::Unauthorized, "had ended already"),
    ] {
        let server = Loopback::start(move |_| Reply::json(status, &body)).await.unwrap();
        let failure = read(&self::client(server.url(), app()).unwrap()).await.unwrap_err();
        assert!(failure.reason == reason && failure.message.contains(expected), "{failure}");
    }
}

#[tokio::test]
async fn clocks_that_differ_too_much_are_told() {
    for (seconds, told) in [(0, None), (30, None), (-30, None), (600, Some(" s ahead of")), (-600, Some(" s behind"))] {
        let date = moments(seconds).1;
        let server = Loopback::start(move |_| Reply::json(401, &json!({"error": "invalid_grant"})).with("date", &date)).await.unwrap();
        let signs = auth(&format!("{{ oauth2: {{ client_id: me, key_file: '{}' }} }}", KEY.1.display()));
        for (auth, depends) in [(signs, true), (app(), true), (of_client(""), false)] {
            let failure = read(&client(server.url(), auth).unwrap()).await.unwrap_err();
            match told.filter(|_| depends) {
                Some(told) => assert!(failure.message.contains(told) && failure.message.contains("60 s are allowed"), "{failure}"),
                None => assert!(!failure.message.contains("clock"), "{failure}"),
            }
        }
    }
    // A server whose clock is an hour behind says by its own clock when a token ends.
    let server = Loopback::start(|received| match received.path.as_str() {
        "/installations/34/tokens" => {
            Reply::json(201, &json!({"token": format!("{SECRET}-1"), "expires_at": moments(-1800).0})).with("date", &moments(-3600).1)
        }
        _ => page(received),
    });
    let server = server.await.unwrap();
    let poll = read(&client(server.url(), app()).unwrap()).await.unwrap();
    assert_eq!(poll.log.iter().filter(|entry| entry.stream == "token").count(), 1);
}

#[tokio::test]
async fn a_refresh_token_that_is_replaced_is_kept_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("refresh");
    std::fs::write(&file, format!("{SECRET}-r0\n")).unwrap();
    let shown = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&shown);
    let server = Loopback::start(move |received| match received.path.as_str() {
        "/acme/token" => {
            let form = form(received);
            assert_eq!(form["grant_type"], "refresh_token");
            let mut list = list.lock().unwrap();
            list.push(form["refresh_token"].clone());
            let number = list.len();
            Reply::json(200, &json!({"access_token": format!("{SECRET}-{number}"), "refresh_token": format!("{SECRET}-r{number}"), "expires_in": 0}))
        }
        _ => page(received),
    });
    let server = server.await.unwrap();
    let in_file = || of_client(&format!(", refresh_token_file: '{}'", file.display()));
    // Twice, as after a restart: each of three requests fetches a token.
    for _ in 0..2 {
        read(&client(server.url(), in_file()).unwrap()).await.unwrap();
    }
    assert_eq!(*shown.lock().unwrap(), [0, 1, 2, 3, 4, 5].map(|number| format!("{SECRET}-r{number}")));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{SECRET}-r6"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!((mode & 0o777, std::fs::read_dir(folder.path()).unwrap().count()), (0o600, 1));
    let failure = read(&client(server.url(), of_client(&format!(", refresh_token: {SECRET}"))).unwrap()).await.unwrap_err();
    assert!(failure.reason == FailureReason::Configuration && failure.message.contains("give it in `refresh_token_file`"), "{failure}");
    std::fs::write(&file, "two words").unwrap();
    let failure = read(&client(server.url(), in_file()).unwrap()).await.unwrap_err();
    assert!(failure.message.contains("holds no refresh token"), "{failure}");
    assert_eq!(shown.lock().unwrap().len(), 7, "nothing was asked with it");
}

#[tokio::test]
async fn a_refresh_token_that_stays_is_used_again() {
    let server = Loopback::start(|received| match received.path.as_str() {
        "/acme/token" => {
            assert_eq!((form(received)["refresh_token"].as_str(), form(received)["client_id"].as_str()), (SECRET, "public"));
            Reply::json(200, &json!({"access_token": format!("{SECRET}-1"), "refresh_token": SECRET}))
        }
        _ => page(received),
    });
    let server = server.await.unwrap();
    let written = auth(&format!("{{ oauth2: {{ client_id: public, refresh_token: {SECRET} }} }}"));
    assert_eq!(ids(&read(&client(server.url(), written).unwrap()).await.unwrap()), ["a", "b"]);
}

#[test]
fn what_is_missing_is_told_before_anybody_is_asked() {
    let base = Url::parse("https://upstream.example.org/api").unwrap();
    let key = KEY.1.display();
    for (written, expected) in [
        ("{ oauth2: { client_secret: s } }".to_owned(), "auth.oauth2.client_id: expected the client's id"),
        ("{ oauth2: { client_id: a } }".into(), "auth.oauth2.client_secret: expected the client's secret, or `key_file`"),
        ("{ oauth2: { client_id: a, client_secret: s, token_url: 'http://login.example.org' } }".into(), "auth.oauth2.token_url: expected an https URL"),
        ("{ oauth2: { client_id: a, client_secret: s, token_url: login } }".into(), "auth.oauth2.token_url: expected a URL"),
        ("{ oauth2: { client_id: a, client_secret: s, grant: refresh_token } }".into(), "auth.oauth2.refresh_token: expected a refresh token"),
        ("{ oauth2: { client_id: a, client_secret: s, grant: client_credentials, refresh_token: r } }".into(), "auth.oauth2.grant: expected `refresh_token`"),
        ("{ oauth2: { client_id: a, refresh_token: r, refresh_token_file: f } }".into(), "auth.oauth2.refresh_token_file: expected either"),
        ("{ oauth2: { grant: jwt_bearer, issuer: a } }".into(), "auth.oauth2.key_file: expected a private key"),
        (format!("{{ oauth2: {{ grant: jwt_bearer, key_file: '{key}' }} }}"), "auth.oauth2.issuer: expected who signs"),
        (format!("{{ oauth2: {{ client_id: a, key_file: '{key}', algorithm: ES256 }} }}"), "auth.oauth2.key_file: expected a key of the curve P-256"),
        (format!("{{ oauth2: {{ client_id: a, client_secret: s, key_file: '{key}' }} }}"), "auth.oauth2.key_file: expected nothing"),
        (format!("{{ oauth2: {{ client_id: a, key_file: '{key}', certificate: '{key}' }} }}"), "auth.oauth2.certificate: expected a certificate"),
        (format!("{{ app: {{ id: 1, key_file: '{key}' }} }}"), "auth.app.installation: expected the id of the installation"),
        ("{ app: { id: a, installation: 1, key_file: /none } }".into(), "auth.app.key_file: expected a file that can be read"),
        ("{ sigv4: { region: eu-1 } }".into(), "auth.sigv4.role: expected exactly one of"),
    ] {
        let failure = client(base.clone(), auth(&written)).err().unwrap_or_else(|| panic!("{written}: nothing wrong"));
        assert!(failure.reason == FailureReason::Configuration && failure.message.starts_with(expected), "{written}: {failure}");
    }
}
