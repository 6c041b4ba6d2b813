//! Credentials that have to be fetched, as a configuration has them.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::{Config, HEAD, NOW};

const CONNECTOR: &str = "name: own
kind: records
about: a test
auth: [oauth2, app]
settings: { tenant: { about: whose } }
oauth2: { token_url: 'https://login.example.org/{{ settings.tenant }}/token' }
app: { path: '/{{ installation }}', token: token, expires: ends }
streams: [{ name: s, feeds: [systems], request: { path: /s }, rows: '.[]', records: '{record: \"system\", id: .}' }]
";

fn make_key(folder: &Path) {
    let made = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    let made = std::process::Command::new("openssl").args(made).arg(folder.join("key.pem")).output().unwrap();
    assert!(made.status.success());
}

/// Loads a configuration whose source has these credentials and settings.
fn load(folder: &Path, auth: &str, settings: &str) -> Result<Config, Vec<String>> {
    let source = format!("  - name: a\n    connector: own\n    url: https://a.example.org\n    settings: {{ {settings} }}\n    auth:\n      {auth}\n");
    let file = folder.join("agent.yaml");
    std::fs::write(&file, format!("{HEAD}connectors: own\nsources:\n{source}")).unwrap();
    let prefix = format!("{}/", folder.display());
    Config::load(&file, NOW).map_err(|mistakes| mistakes.iter().map(|mistake| mistake.to_string().replace(&prefix, "")).collect())
}

/// Keys lie beside the configuration; what is wrong with credentials that have to be fetched is told with its line, and a changed key is a change.
#[test]
fn credentials_that_are_fetched_are_proved() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("own/own")).unwrap();
    std::fs::write(folder.join("own/own/connector.yaml"), CONNECTOR).unwrap();
    make_key(folder);
    let tenant = "tenant: acme";
    for (auth, settings, expected) in [
        ("oauth2: { client_secret: hush }", tenant, "agent.yaml:9: sources[0].auth.oauth2.client_id: nothing; expected the client's id, because"),
        (
            "oauth2: { client_id: a, client_secret: hush }",
            "",
            "agent.yaml:9: sources[0].auth.oauth2.token_url: nothing; expected an address, or `settings.tenant` of the source",
        ),
        (
            "oauth2: { client_id: a, key_file: none.pem }",
            tenant,
            "agent.yaml:9: sources[0].auth.oauth2.key_file: a value that is not shown; expected a file or folder that exists; none.pem does not",
        ),
        (
            "oauth2: { client_id: a, key_file: own/own/connector.yaml }",
            tenant,
            "agent.yaml:9: sources[0].auth.oauth2.key_file: a value that is not shown; expected a private key as PEM",
        ),
        ("oauth2: { client_id: a, client_secrt: hush }", tenant, "agent.yaml:9: sources[0].auth.oauth2.client_secrt: an unknown key; expected `client_secret`"),
        (
            "oauth2: { grant: password }",
            tenant,
            "agent.yaml:9: sources[0].auth.oauth2.grant: a value that is not shown; expected `client_credentials` or `refresh_token` or `jwt_bearer`",
        ),
        ("app: { id: 12, key_file: key.pem }", tenant, "agent.yaml:9: sources[0].auth.app.installation: nothing; expected the id of the installation"),
        ("app: { installation: 1, key_file: key.pem }", tenant, "agent.yaml:9: sources[0].auth.app.id: nothing; expected a value, it is required"),
    ] {
        let mistakes = load(folder, auth, settings).expect_err(auth);
        assert!(mistakes[0].starts_with(expected), "{auth}:\n  {}\nis not\n  {expected}", mistakes[0]);
        assert!(mistakes.iter().all(|mistake| !mistake.contains("hush")), "{mistakes:?}");
    }
    for good in ["oauth2: { client_id: a, key_file: key.pem }", "app: { id: 12, installation: \"34\", key_file: key.pem }"] {
        let before = load(folder, good, tenant).unwrap();
        assert!(before.reload_when_changed.contains(&folder.join("key.pem")), "{:?}", before.reload_when_changed);
        make_key(folder);
        let after = load(folder, good, tenant).unwrap();
        assert_eq!(before.sources[0].source, after.sources[0].source);
        assert_ne!(before.sources[0].certificates, after.sources[0].certificates);
        assert_eq!(after.warnings(), [""; 0]);
    }
    std::fs::set_permissions(folder.join("key.pem"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let config = load(folder, "app: { id: 12, installation: 34, key_file: key.pem }", tenant).unwrap();
    assert!(matches!(config.warnings().as_slice(), [warning] if warning.contains("(mode 640): chmod 600 ")), "{:?}", config.warnings());
}

/// Two sources that keep one token would each replace what the other needs.
#[test]
fn a_token_that_is_replaced_is_one_sources_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("own/own")).unwrap();
    std::fs::write(folder.join("own/own/connector.yaml"), CONNECTOR).unwrap();
    std::fs::write(folder.join("token"), "hush").unwrap();
    let auth = "oauth2: { client_id: a, refresh_token_file: token }";
    assert!(load(folder, auth, "tenant: acme").is_ok());
    let again = format!("{auth}\n  - {{ name: b, connector: own, url: 'https://b.example.org', settings: {{ tenant: acme }}, auth: {{ {auth} }} }}");
    let mistakes = load(folder, &again, "tenant: acme").unwrap_err();
    let expected = "agent.yaml:10: sources[1].auth.oauth2.refresh_token_file: a value that is not shown; expected a file of this source alone";
    assert!(mistakes.len() == 1 && mistakes[0].starts_with(expected), "{mistakes:?}");
}
