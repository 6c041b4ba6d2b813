//! Descriptions: a good one, and one mistake after the other.

use serde_json::{Map, json};

use super::*;

/// A description with one thing changed: what stands at `// here` replaced.
fn mistakes(text: &str) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let description = Description::parse("c.yaml", text, &mut mistakes);
    assert_eq!(description.is_none(), !mistakes.is_empty());
    mistakes.iter().map(ToString::to_string).collect()
}

const GOOD: &str = r#"name: good
kind: model_registry
about: all there is
auth: [none, api_key, login]
api_key: { header: X-Key }
login:
  request: { method: POST, path: /auth, json: { u: "{{ user }}", p: "{{ password }}" } }
  token: .token
headers: { Accept: application/json }
settings:
  production: { default: [prod], about: words for it }
  project: { required: true, about: which one }
defs: |
  def key: "\(.name)/\(.version)";
probe: { request: { path: /me }, ok: .id != null, about: give a key }
variants:
  - { name: v2, request: { path: /v2 }, vars: { api: /v2 } }
streams:
  - name: models
    request: { path: "{{ vars.api }}/models", query: { n: 10, p: "{{ settings.project }}" } }
    page: { token: { next: .next, param: t } }
    rows: .models[]
    absent: empty
    key: .name
  - name: versions
    feeds: [model_versions]
    mode: changes
    request: { method: POST, path: /versions, json: { since: "{{ since }}" } }
    page: { offset: { param: offset, limit_param: limit, limit: 100, total: .total, in: json } }
    rows: .versions[]
    key: key
    cursor: { value: .updated, overlap: 2m, sweep: 24h }
    lookup: { models: models.name }
    records: |
      { record: "model_version", id: key, model: .name, version: .version }
  - name: metrics
    feeds: ["measurements(drift, bias)"]
    mode: changes
    for_each: versions
    where: .run != null and $models[.name] != null
    lookup: { models: models.name }
    request: { path: "/runs/{{ row.run }}" }
    optional_status: [404]
    gone: .code == "NOT_FOUND"
    rows: .metrics[]
    records: '{ record: "measurement", id: "\($parent.run)/\($index)" }'
    only: [v2]
cross_checks:
  - { rows: versions, names: .name, among: models.name, about: models of versions are not listed }
  - { rows: models, names: '.latest[]', among: models.name, about: others }
"#;

#[test]
fn a_good_description_is_read_whole() {
    assert_eq!(mistakes(GOOD), [""; 0]);
    let description = Description::parse("c.yaml", GOOD, &mut Mistakes::default()).unwrap();
    let feeds: Vec<_> = description.feeds().map(ToString::to_string).collect();
    assert_eq!(feeds, ["model_versions", "measurements(bias, drift)"]);
    let kept: Vec<_> = description.streams.iter().map(|stream| stream.kept).collect();
    assert_eq!(kept, [true, true, false]);
    assert!(description.streams[0].rows.listed);
    let compared: Vec<Vec<_>> = description.streams.iter().map(|stream| stream.compared.iter().map(|side| (side.check, side.exists)).collect()).collect();
    assert_eq!(compared, [vec![(0, true), (1, false), (1, true)], vec![(0, false)], vec![]]);
}

/// What stands in the good one, what stands there instead, and what is said of it.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("rows: .models[]", "rows: .models |", "c.yaml:22: streams[0].rows: jq: expected term, found the end"),
    ("id: key, model: .name", "id: kee, model: .name", "c.yaml:35: streams[1].records: jq: undefined filter `kee`"),
    ("def key: \"\\(.name)/\\(.version)\";", "def key: $nope;", "c.yaml:14: defs: jq: undefined variable `$nope`"),
    ("{{ vars.api }}/models", "models", "c.yaml:20: streams[0].request.path: \"models\"; expected a path that starts with `/`"),
    ("{{ row.run }}", "{{ parent.run }}", "streams[2].request.path: \"/runs/{{ parent.run }}\"; expected a value in {{ }}: undefined filter `parent`"),
    ("for_each: versions", "for_each: nobody", "streams[2].for_each: \"nobody\"; expected a stream that stands before this one"),
    (
        "models: models.name }\n    records",
        "models: metrics.name }\n    records",
        "streams[1].lookup.models: \"metrics.name\"; expected a stream that stands before",
    ),
    ("models: models.name }\n    request", "models: versions.name }\n    request", "a stream of mode `snapshot`"),
    ("models: models.name }\n    request", "now: models.name }\n    request", "another name, this one is taken"),
    ("feeds: [model_versions]", "feeds: [models]", "streams[1].feeds[0]: \"models\"; expected one of systems"),
    ("feeds: [model_versions]", "feeds: []", "streams[1].feeds: a list; expected the shapes that `records` yields"),
    ("overlap: 2m", "overlap: soon", "streams[1].cursor.overlap: \"soon\"; expected a duration such as 90s"),
    (
        "mode: changes\n    for_each",
        "mode: snapshot\n    for_each",
        "streams[2].mode: \"snapshot\"; expected `changes`, because `versions` yields only what changed",
    ),
    ("mode: changes\n    request", "request", "streams[1].cursor: a map; expected `mode: changes` beside it"),
    ("only: [v2]", "only: [v9]", "streams[2].only[0]: \"v9\"; expected a variant"),
    ("limit_param: limit, ", "", "streams[1].page.offset.limit_param: nothing; expected `limit_param` and `limit` together"),
    ("api_key: { header: X-Key }", "", "c.yaml:1: api_key: nothing; expected `api_key`, because `auth` accepts it"),
    ("auth: [none, api_key, login]", "auth: [none, api_key]", "c.yaml:4: auth: a value that is not shown; expected `login` among them"),
    ("method: POST, path: /versions", "path: /versions", "streams[1].request.method: nothing; expected POST, because the request has a body"),
    ("absent: empty", "absnt: empty", "c.yaml:23: streams[0].absnt: an unknown key; expected `absent`"),
    (
        "{ path: \"/runs/{{ row.run }}\" }",
        "{ path: /runs, headers: { X: \"{{ nobody }}\" } }",
        "streams[2].request.headers.X: \"{{ nobody }}\"; expected a value in {{ }}: undefined",
    ),
    ("{ path: \"/runs/{{ row.run }}\" }", "{ path: /runs, headers: { \"ö\": x } }", "streams[2].request.headers.ö: \"x\"; expected a header's name"),
    ("    rows: .metrics[]\n", "", "streams[2].rows: nothing; expected jq that yields the rows of a page"),
    ("optional_status: [404]\n    gone: .code == \"NOT_FOUND\"", "conditional: true", "streams[2].conditional: true; expected `false`"),
    ("    gone: .code == \"NOT_FOUND\"\n", "", "streams[2].gone: nothing; expected `optional_status` and `gone` together"),
    ("optional_status: [404]", "optional_status: []", "streams[2].gone: \".code == \\\"NOT_FOUND\\\"\"; expected `optional_status` and `gone` together"),
    ("    key: key\n", "", "streams[1].key: nothing; expected what tells a row from others"),
    ("rows: versions, names: .name", "rows: nobody, names: .name", "cross_checks[0].rows: \"nobody\"; expected a stream of this connector"),
    ("names: '.latest[]'", "names: latest", "cross_checks[1].names: jq: undefined filter `latest`"),
    (
        "names: '.latest[]', among: models.name",
        "names: '.latest[]', among: versions.name",
        "cross_checks[1].among: \"versions.name\"; expected a stream of mode `snapshot`",
    ),
    ("for_each: versions", "for_each: settings.nobody", "streams[2].for_each: \"settings.nobody\"; expected a setting of the connector's `settings`"),
    ("for_each: versions", "for_each: settings.project", "streams[2].optional_status: a list; expected statuses without 404"),
    (
        "mode: changes\n    for_each: versions",
        "mode: changes\n    for_each: settings.project",
        "streams[2].cursor: nothing; expected a cursor, because the mode is `changes`",
    ),
    ("rows: .metrics[]", "rows: '.metrics[] | $headers'", "streams[2].rows: \".metrics[] | $headers\"; expected a header by its name in lower case"),
    ("rows: .metrics[]", "rows: '$headers[\"set-cookie\"]'", "streams[2].rows: \"$headers[\\\"set-cookie\\\"]\"; expected another header"),
    ("key: key\n", "key: $headers.link\n", "streams[1].key: jq: undefined variable `$headers`"),
    ("models: models.name }\n    request", "headers: models.name }\n    request", "another name, this one is taken"),
    ("name: metrics", "name: models", "streams[2].name: \"models\"; expected a name that no other stream has"),
    ("cross_checks:", "verdicts: [{ status: [], reason: forbidden }]\ncross_checks:", "verdicts[0].status: a list; expected statuses of answers"),
    ("cross_checks:", "verdicts: [{ status: [403], reason: store }]\ncross_checks:", "verdicts[0].reason: \"store\"; expected one of unauthorized, forbidden"),
    ("cross_checks:", "verdicts: [{ status: [200], reason: forbidden }]\ncross_checks:", "verdicts[0].when: nothing; expected `headers`, `body` or `when`"),
    (
        "cross_checks:",
        "verdicts: [{ status: [403], headers: { set-cookie: a }, reason: forbidden }]\ncross_checks:",
        "verdicts[0].headers.set-cookie: \"a\"; expected another header",
    ),
    ("cross_checks:", "verdicts: [{ status: [403], when: '$row', reason: forbidden }]\ncross_checks:", "verdicts[0].when: jq: undefined variable `$row`"),
    ("cross_checks:", "rate_limits: [{ reset: x, reset_is: epoch }]\ncross_checks:", "rate_limits[0].remaining: nothing; expected either `remaining`"),
    (
        "cross_checks:",
        "rate_limits: [{ remaining: 'a b', reset: x, reset_is: epoch_ms }]\ncross_checks:",
        "rate_limits[0].remaining: \"a b\"; expected a header's name",
    ),
    (
        "json: { since: \"{{ since }}\" } }",
        "graphql: { query: 'query { versions { nodes { id } } }' } }",
        "streams[1].request.graphql.query: \"query { versions { nodes { id } } }\"; expected `pageInfo { hasNextPage }`",
    ),
    ("json: { since: \"{{ since }}\" } }", "json: {}, jsonrpc: { method: m } }", "streams[1].request: a map; expected one of `json`, `graphql` and `jsonrpc`"),
    (
        "    key: .name\n",
        "    key: .name\n    connections: { labels: metrics }\n",
        "streams[0].connections.labels: \"metrics\"; expected a stream that walks the rows",
    ),
    ("name: good", "name: Good One", "c.yaml:1: name: \"Good One\"; expected a name of lower-case letters"),
];

#[test]
fn every_mistake_has_its_line() {
    for (from, to, expected) in MISTAKES.iter().copied() {
        assert!(GOOD.contains(from), "{from}");
        let found = mistakes(&GOOD.replacen(from, to, 1));
        assert!(found.iter().any(|mistake| mistake.contains(expected)), "{to}: expected {expected:?} in {found:#?}");
    }
}

/// What is said of credentials that are fetched, or that sign.
#[test]
fn credentials_are_proved() {
    for (auth, expected) in [
        ("oauth2", ""),
        ("oauth2]\noauth2: { path: /token }", ""),
        ("oauth2]\noauth2: { token_url: \"https://l.example/{{ settings.project }}/token\", grant: jwt_bearer, scope_in: assertion, algorithm: PS256 }", ""),
        ("app]\napp: { path: \"/{{ installation }}/x\", token: t, expires: e, lifetime: 9m, json: { a: [b] } }", ""),
        ("sigv4]\nsigv4: { service: s3, region: \"{{ settings.project }}\" }", ""),
        ("none]\noauth2: { path: /token }", "auth: a value that is not shown; expected `oauth2` among them"),
        ("app", "app: nothing; expected `app`, because `auth` accepts it"),
        ("sigv4", "sigv4: nothing; expected `sigv4`, because `auth` accepts it"),
        ("oauth2]\noauth2: { token_url: \"http://l.example\" }", "oauth2.token_url: \"http://l.example\"; expected an https URL"),
        ("oauth2]\noauth2: { token_url: \"https://l.example\", path: /x }", "oauth2.path: \"/x\"; expected either `token_url` or `path`"),
        (
            "oauth2]\noauth2: { scope: \"{{ .jq }}\" }",
            "oauth2.scope: \"{{ .jq }}\"; expected between braces one of `settings.production`, `settings.project`, and no jq",
        ),
        ("oauth2]\noauth2: { grant: password }", "expected `client_credentials` or `refresh_token` or `jwt_bearer`"),
        ("app]\napp: { path: \"/{{ row }}\", token: t, expires: e }", "`settings.project`, `installation`, and no jq"),
        ("app]\napp: { path: /x, token: t, expires: e, lifetime: 2h }", "app.lifetime: \"2h\"; expected from 2m to 1h"),
    ] {
        let auth = if auth.contains(']') { auth.to_owned() } else { format!("{auth}]") };
        let found = mistakes(&GOOD.replacen("api_key, login]", &format!("api_key, login, {auth}"), 1));
        assert!(if expected.is_empty() { found.is_empty() } else { found.iter().any(|mistake| mistake.contains(expected)) }, "{auth}: {found:#?}");
    }
}

#[test]
fn documents_are_the_only_stream() {
    let files = |streams: &str| mistakes(&format!("name: f\nkind: records\nabout: x\ntransport: files\nstreams:\n{streams}"));
    let good = "- { name: a, documents: { yaml: [yml], json: [json] }, records: .document }\n";
    assert_eq!(files(good), [""; 0]);
    for (streams, expected) in [
        (format!("{good}- {{ name: b, files: {{ names: [b] }}, records: . }}\n"), "streams[0].documents: a map; expected no other stream in a connector"),
        (good.replace("[yml]", "[.yml]"), "streams[0].documents: a map; expected extensions under `yaml` or `json`"),
        (good.replace("[yml]", "[yml], toml: [toml]"), "streams[0].documents.toml: an unknown key; expected one of yaml, json"),
        (good.replace("records", "files: { names: [b] }, records"), "streams[0].files: a map; expected either `files`"),
        (good.replace("records", "request: { path: /x }, records"), "and no `request`"),
    ] {
        let found = files(&streams);
        assert!(found.iter().any(|mistake| mistake.contains(expected)), "expected {expected:?} in {found:#?}");
    }
}

#[test]
fn a_password_in_a_description_is_not_shown() {
    let text = GOOD.replace("\"{{ password }}\"", "\"{{ hush \"");
    assert!(!mistakes(&text).concat().contains("hush"));
}

#[test]
fn settings_are_checked_against_their_defaults() {
    let description = Description::parse("c.yaml", GOOD, &mut Mistakes::default()).unwrap();
    let settings = |given: serde_json::Value| description.settings(given.as_object().unwrap_or(&Map::new()));
    assert_eq!(json!(settings(json!({"project": "x"})).unwrap()), json!({"production": ["prod"], "project": "x"}));
    let wrong = settings(json!({"production": "live", "prodjuction": 1})).unwrap_err();
    let wrong: Vec<_> = wrong.iter().map(|(name, expected)| format!("{name}: {expected}")).collect();
    assert_eq!(wrong[0], "prodjuction: one of production, project");
    assert_eq!(wrong[1], "production: a list, like the default [\"prod\"]");
    assert!(wrong[2].starts_with("project: a value, it is required"));
}

#[test]
fn ways_to_read_a_list_that_can_not_be_proved_are_refused() {
    let page = "page: { offset: { param: offset, limit_param: limit, limit: 100, total: .total, in: json } }";
    let keyset = "page: { keyset: { by: '[.at, .id]', size_param: limit, size: 100, in: json } }";
    let reread = "    reread: { when: '$models[.name] != null', request: { path: '/v/{{ row }}', query: { since: '{{ since }}' } } }\n    cursor:";
    let window = "window: { begin: '\"90d\"', most_span: 30d, least_span: 1h, cap: 100, total: .total }";
    let expired = "expired: { status: [400, 410], when: .code == \"expired\" }";
    let request = "json: { since: \"{{ since }}\" }";
    let better = GOOD
        .replace(page, &format!("{keyset}\n    {window}\n    {expired}"))
        .replace("    cursor:", reread)
        .replace(request, "json: { since: \"{{ since }}\", after: \"{{ after }}\", from: \"{{ from }}\", to: \"{{ to_epoch }}\" }")
        .replace("for_each: versions", "for_each: versions\n    batch: 50");
    assert_eq!(mistakes(&better), [""; 0]);
    for (from, to, expected) in [
        (keyset, page, "streams[1].request.json: a map; expected a value in {{ }}: undefined filter `after`"),
        ("size: 100", "size: 1", "streams[1].page.keyset.size: 1; expected at least 2"),
        ("size_param: limit, ", "", "streams[1].page.keyset.size_param: nothing; expected `size_param` and `size` together"),
        (window, "", "undefined filter `from`"),
        ("begin: '\"90d\"', ", "", "streams[1].window.begin: nothing; expected where the first window begins"),
        ("cap: 100, total", "total", "streams[1].window.cap: nothing; expected how many rows the upstream lists"),
        ("least_span: 1h", "least_span: 31d", "streams[1].window.most_span: \"30d\"; expected no less than `least_span`"),
        ("begin: '\"90d\"', most_span: 30d, least_span: 1h, cap: 100, total: .total", "least_span: 1h", "streams[1].window: a map; expected `cap`, `full` or"),
        ("status: [400, 410]", "status: [403]", "streams[1].expired.status: a list; expected 200, or statuses of the 400s"),
        (keyset, "", "streams[1].expired: a map; expected `page` beside it"),
        ("when: '$models[.name] != null'", "when: '$nobody'", "streams[1].reread.when: jq: undefined variable `$nobody`"),
        ("request: { path: '/v/{{ row }}'", "batch: 0, request: { path: '/v/{{ row }}'", "streams[1].reread.batch: 0; expected at least 1"),
        ("query: { since: '{{ since }}' } }", "query: { since: '{{ since }}' } }, gone: .x", "streams[1].reread.gone: \".x\"; expected `optional_status`"),
        ("mode: changes\n    request", "request", "streams[1].reread: a map; expected a stream of mode `changes`"),
        ("batch: 50", "batch: 0", "streams[2].batch: 0; expected at least 1"),
        ("name: models\n", "name: models\n    batch: 2\n", "streams[0].batch: 2; expected `for_each` beside it"),
    ] {
        assert!(better.contains(from), "{from}");
        let found = mistakes(&better.replacen(from, to, 1));
        assert!(found.iter().any(|mistake| mistake.contains(expected)), "{to}: expected {expected:?} in {found:#?}");
    }
    // Details of what is listed may be missing also where only what changed is listed.
    let walked = better
        .replace("names: '.latest[]', among: models.name", "names: .name, among: metrics.name")
        .replace("rows: models, names: .name, among: metrics", "rows: versions, names: .name, among: metrics");
    assert_eq!(mistakes(&walked), [""; 0]);
}

#[test]
fn a_setting_that_is_walked_is_a_list_of_items() {
    let text = |required: bool| {
        format!(
            "name: w\nkind: records\nabout: x\nsettings: {{ repositories: {{ default: [], required: {required}, about: which ones }} }}\n\
             streams: [{{ name: a, for_each: settings.repositories, request: {{ path: '/{{{{ row }}}}' }}, rows: '.a[]' }}]"
        )
    };
    let settings = |required: bool, given: serde_json::Value| {
        let description = Description::parse("c.yaml", &text(required), &mut Mistakes::default()).unwrap();
        let settings = description.settings(given.as_object().unwrap());
        settings.map(|settings| settings["repositories"].clone()).map_err(|wrong| format!("{}: {}", wrong[0].0, wrong[0].1))
    };
    for (given, expected) in [
        (json!({"repositories": ["a/b", "c", "a/b"]}), json!(["a/b", "c"])),
        (json!({"repositories": "a/b"}), json!(["a/b"])),
        (json!({"repositories": 7}), json!([7])),
        (json!({"repositories": [{"id": 1}]}), json!([{"id": 1}])),
        (json!({"repositories": ""}), json!([])),
        (json!({"repositories": null}), json!([])),
        (json!({}), json!([])),
    ] {
        assert_eq!(settings(false, given).unwrap(), expected);
    }
    for (given, expected) in [
        (json!({"repositories": true}), "repositories: a list, or one text"),
        (json!({"repositories": {"a": 1}}), "repositories: a list, or one text"),
        (json!({"repositories": ["a", " "]}), "repositories: a list of texts; item 2 is none"),
        (json!({"repositories": [null]}), "repositories: a list of texts; item 1 is none"),
        (json!({"repositories": [["a"]]}), "repositories: a list of texts; item 1 is none"),
    ] {
        assert_eq!(settings(false, given).unwrap_err(), expected);
    }
    for given in [json!({}), json!({"repositories": []}), json!({"repositories": ""})] {
        assert_eq!(settings(true, given).unwrap_err(), "repositories: a value, it is required: which ones");
    }
}

#[test]
fn a_digest_covers_what_is_used_of_the_library() {
    let parse = |records: &str| {
        let text = format!("name: l\nkind: records\nabout: x\ntransport: files\nstreams: [{{ name: s, files: {{ names: [x] }}, records: '{records}' }}]");
        Description::parse("c.yaml", &text, &mut Mistakes::default()).unwrap()
    };
    let (plain, uses) = (parse("."), parse(".a |= at_millis(\"a\")"));
    assert_eq!((plain.library.as_str(), plain.digest), ("", Digest::of(plain.text.as_bytes())));
    assert!(uses.library.contains("def at_millis($what):"), "{}", uses.library);
    assert_eq!(uses.digest, Digest::of([uses.text.as_str(), &uses.library].concat().as_bytes()));
}
