//! Requests that are signed, against a server that checks signatures: moto, with keys that it gave out itself.

use super::object_stores::{check_signatures, encoded, iam, keys, send};
use crate::support::{agent::program, peers::Peer};
use reqwest::Method;
use std::path::Path;
use std::process::{Command, Stdio};

const CONNECTOR: &str = r#"name: groups
kind: records
about: groups of model packages, as systems
auth: [sigv4]
sigv4: { service: sagemaker, region: us-east-1 }
streams:
  - name: groups
    feeds: [systems]
    request:
      method: POST
      path: /
      headers: { X-Amz-Target: SageMaker.ListModelPackageGroups, Content-Type: application/x-amz-json-1.1 }
      json: { SortBy: Name }
    rows: .ModelPackageGroupSummaryList[]
    key: .ModelPackageGroupName
    records: '{record: "system", id: .ModelPackageGroupName, name: .ModelPackageGroupName}'
"#;

/// Reads the groups with these credentials. What the program printed, and what it said.
fn read(folder: &Path, url: &str, credentials: &str) -> (String, String) {
    let source = format!("{{ name: groups, connector: groups, url: \"{url}\", auth: {{ sigv4: {{ {credentials} }} }}, limits: {{ retries: 0 }} }}");
    let text = format!("organisation: {{ name: Example, timezone: Europe/Berlin }}\nconnectors: own\nsources: [{source}]\n");
    std::fs::write(folder.join("agent.yaml"), text).expect("a written agent.yaml");
    let mut command = Command::new(program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.args(["connectors", "test", "groups", "--source", "groups", "--config", "agent.yaml"]).current_dir(folder).stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn requests_are_signed_so_that_the_other_side_agrees() {
    let peer = Peer::start("moto");
    let url = peer.url.as_str();
    let unchecked = ("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=x");
    let create = [("X-Amz-Target", "SageMaker.CreateModelPackageGroup"), ("Content-Type", "application/x-amz-json-1.1"), unchecked];
    send(Method::POST, url, &create, r#"{"ModelPackageGroupName": "scoring"}"#);
    let (id, secret) = keys(url, r#"["sagemaker:ListModelPackageGroups"]"#);
    let anybody = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity"}]}"#;
    iam(url, &format!("Action=CreateRole&RoleName=reader&AssumeRolePolicyDocument={}", encoded(anybody)));
    let policy = encoded(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sagemaker:ListModelPackageGroups"],"Resource":"*"}]}"#);
    iam(url, &format!("Action=PutRolePolicy&RoleName=reader&PolicyName=read&PolicyDocument={policy}"));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("own/groups")).expect("a folder");
    std::fs::write(at("own/groups/connector.yaml"), CONNECTOR).expect("a written connector");
    std::fs::write(at("credentials"), format!("[reader]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")).expect("written credentials");
    std::fs::write(at("token"), "e30.e30.e30").expect("a written token");
    // Whoever shows a token of an identity provider has no key yet: that request is let through.
    for (unsigned, credentials) in [
        (0, format!("access_key_id: {id}, secret_access_key: \"{secret}\"")),
        (0, "profile: reader, credentials_file: credentials, config_file: credentials".to_owned()),
        (1, format!("role: web_identity, endpoint: \"{url}\", role_arn: \"arn:aws:iam::123456789012:role/reader\", token_file: token")),
    ] {
        check_signatures(url, unsigned);
        let (printed, said) = read(folder.path(), url, &credentials);
        assert!(printed.contains("\"id\":\"scoring\""), "{credentials}: {printed}{said}");
        assert!(!said.contains(&secret) && !said.contains("Signature="), "{said}");
    }
    for (credentials, expected) in [
        (format!("access_key_id: {id}, secret_access_key: wrong"), "answered 403"),
        ("access_key_id: nobody, secret_access_key: wrong".to_owned(), "answered 403"),
    ] {
        let (printed, said) = read(folder.path(), url, &credentials);
        assert!(printed.is_empty() && said.contains(expected) && said.contains("auth.sigv4"), "{credentials}: {printed}{said}");
    }
}
