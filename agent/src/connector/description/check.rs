//! From a connector's YAML as typed to a proved [`Description`]: every mistake is noted with its line. Streams are in `stream.rs`.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use reqwest::header::{ACCEPT, HeaderName, HeaderValue};
use serde_json::{Value as Json, json};

use super::{
    ConnectorKind, Description, Format, Method, Probe, Protocol, Request, Setting, Stream, Transport, Variant, credentials, raw, refused_words, stream,
};
use crate::{
    connector::{
        answer_headers,
        auth::AuthKind,
        expression::{Expression, Program, Words},
        format::{Lists, NO_WORDS, RawLists},
        library,
        template::{JsonTemplate, Template},
    },
    document::{Document, Mistake, Mistakes},
    record::Digest,
};

/// Variables that every expression has.
pub(super) const BASE: &[&str] = &["settings", "vars", "source", "auth", "now", "midnight"];

/// Notes mistakes with their places.
pub(super) struct Checker<'a> {
    document: &'a Document,
    transport: Transport,
    defs: Arc<str>,
    /// Tests have compiled its expressions.
    proved: bool,
    program: Arc<Program>,
    /// The headers of answers that its expressions ask for.
    pub(super) headers: BTreeSet<String>,
    mistakes: &'a mut Mistakes,
}

/// Proves a description.
pub(super) fn description(document: &Document, text: &str, proved: bool, mistakes: &mut Mistakes) -> Option<Description> {
    let before = mistakes.len();
    let mut raw: raw::Connector = document.read(mistakes)?;
    let library = library::used_by(text);
    let (transport, defs) = (raw.transport, library.as_str().into());
    let mut checker = Checker { document, transport, defs, proved, program: Arc::default(), headers: BTreeSet::new(), mistakes };
    checker.name("name", &raw.name);
    if let Some(defs) = &raw.defs {
        // As an expression of their own first: what is wrong with them would be wrong everywhere.
        checker.expression("defs", &format!("{defs}\n."), BASE)?;
        checker.defs = format!("{library}{defs}").into();
        checker.program = Arc::default();
    }
    let ways = credentials::ways(&mut checker, &mut raw);
    let probe = raw.probe.and_then(|probe| {
        let ok = probe.ok.as_deref().map(|ok| checker.expression("probe.ok", ok, &[BASE, &["headers"]].concat()));
        let request = checker.request("probe.request", probe.request, BASE);
        Some(Probe { request: request?, ok: ok.transpose_ok()?, about: probe.about })
    });
    let (verdicts, judged_headers) = checker.verdicts(raw.verdicts);
    let rate_limits = checker.rate_limits(raw.rate_limits);
    let variants = checker.variants(raw.variants);
    let variant_names: Vec<_> = variants.iter().map(|variant| variant.name.clone()).collect();
    let headers = checker.headers("headers", &raw.headers);
    let setting_names: Vec<_> = raw.settings.keys().cloned().collect();
    // Whatever records a file holds are what its stream feeds, and so are those that a user maps by settings.
    let takes_any = raw.transport == Transport::Files || raw.kind == ConnectorKind::Records;
    let about = stream::About { transport: raw.transport, takes_any, variants: &variant_names, streams: raw.streams.len(), settings: &setting_names };
    let mut streams = stream::streams(&mut checker, raw.streams, &about);
    let cross_checks = stream::cross_checks(&mut checker, raw.cross_checks, &mut streams);
    let settings = settings(raw.settings, &streams);
    let words = checker.words(raw.words);
    let auth = if raw.auth.is_empty() { vec![AuthKind::None] } else { raw.auth };
    let answer_headers = checker.headers.into_iter().collect();
    (mistakes.len() == before).then(|| Description {
        name: raw.name,
        kind: raw.kind,
        about: raw.about,
        transport: raw.transport,
        auth,
        api_key: ways.api_key,
        settings,
        words,
        streams,
        text: text.to_owned(),
        digest: Digest::of([text, &library].concat().as_bytes()),
        library,
        login: ways.login,
        oauth2: ways.oauth2,
        app: ways.app,
        sigv4: ways.sigv4,
        headers,
        probe,
        variants,
        cross_checks,
        answer_headers,
        judged_headers,
        verdicts,
        rate_limits,
    })
}

/// What a source may set, and which of it is walked.
fn settings(raw: BTreeMap<String, raw::Setting>, streams: &[Stream]) -> Vec<Setting> {
    let is_walked = |name: &str| streams.iter().filter_map(|stream| stream.for_each.as_ref()).any(|for_each| for_each.walks(name));
    let setting = |(name, raw): (String, raw::Setting)| Setting {
        walked: is_walked(&name),
        name,
        default: raw.default.unwrap_or_default(),
        required: raw.required,
        about: raw.about,
    };
    raw.into_iter().map(setting).collect()
}

/// An optional part: absent is fine, wrong is not.
pub(super) trait TransposeOk<T> {
    /// `None` when the part is there and wrong.
    fn transpose_ok(self) -> Option<Option<T>>;
}

impl<T> TransposeOk<T> for Option<Option<T>> {
    fn transpose_ok(self) -> Option<Option<T>> {
        match self {
            None => Some(None),
            Some(None) => None,
            Some(some) => Some(some),
        }
    }
}

impl Checker<'_> {
    /// Notes that the value at `path` is wrong.
    pub(super) fn wrong(&mut self, path: &str, expected: impl Into<String>) {
        self.mistakes.push(self.document.mistake(path, expected));
    }

    /// Whether there is a value at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.document.has(path)
    }

    /// Lists of words for fields that there are, and that can have what the words count as.
    fn words(&mut self, raw: RawLists) -> Lists {
        for (table, field, words) in raw.iter().flat_map(|(table, fields)| fields.iter().map(move |(field, words)| (table, field, words))) {
            let ours = words.keys().map(String::as_str).filter(|ours| !NO_WORDS.contains(ours));
            if let Some((place, expected)) = refused_words(table, field, ours) {
                self.wrong(&format!("words.{place}"), expected);
            }
        }
        Lists::read(raw).unwrap_or_else(|mistakes| {
            for (table, field, expected) in mistakes {
                self.wrong(&format!("words.{table}.{field}"), expected);
            }
            Lists::default()
        })
    }

    /// Compiles the expression at `path`.
    pub(super) fn expression(&mut self, path: &str, text: &str, variables: &[&str]) -> Option<Expression> {
        if variables.contains(&"headers") {
            match answer_headers::named(text) {
                Ok(names) => self.headers.extend(names),
                Err(expected) => self.wrong(path, expected),
            }
        }
        match Expression::compile(text, &Words { variables, defs: Arc::clone(&self.defs), proved: self.proved, program: Arc::clone(&self.program) }) {
            Ok(expression) => Some(expression),
            Err(error) => {
                // A block's place is its first line of content, not its key's.
                let line = Some(self.document.line(path) + error.line - 1);
                let file = self.document.file().to_owned();
                self.mistakes.push(Mistake { file, line, path: path.to_owned(), found: format!("jq: {}", error.message), expected: String::new() });
                None
            }
        }
    }

    /// Compiles an optional expression; the outer `None` means that it is wrong.
    pub(super) fn optional(&mut self, path: &str, text: Option<&str>, variables: &[&str]) -> Option<Option<Expression>> {
        text.map(|text| self.expression(path, text, variables)).transpose_ok()
    }

    fn json_template(&mut self, path: &str, json: &Json, variables: &[&str]) -> Option<JsonTemplate> {
        JsonTemplate::parse(json, &Words { variables, defs: Arc::clone(&self.defs), proved: self.proved, program: Arc::clone(&self.program) })
            .map_err(|expected| self.wrong(path, expected))
            .ok()
    }

    fn template(&mut self, path: &str, text: &str, variables: &[&str]) -> Option<Template> {
        Template::parse(text, &Words { variables, defs: Arc::clone(&self.defs), proved: self.proved, program: Arc::clone(&self.program) })
            .map_err(|expected| self.wrong(path, expected))
            .ok()
    }

    /// Proves a request whose templates may use `variables`.
    pub(super) fn request(&mut self, path: &str, raw: raw::Request, variables: &[&str]) -> Option<Request> {
        if self.transport == Transport::Sql {
            return self.query(path, &raw, variables);
        }
        if raw.sql.is_some() || !raw.values.is_empty() {
            self.wrong(&format!("{path}.sql"), "`transport: sql` beside it");
        }
        if !raw.path.starts_with('/') && !raw.path.starts_with("{{") {
            self.wrong(&format!("{path}.path"), "a path that starts with `/`");
        }
        let template = self.template(&format!("{path}.path"), &raw.path, variables);
        let query: Vec<_> =
            raw.query.iter().map(|(name, json)| Some((name.clone(), self.json_template(&format!("{path}.query.{name}"), json, variables)?))).collect();
        let (protocol, body) = self.body(path, (raw.json, raw.graphql, raw.jsonrpc), variables)?;
        if body.is_some() && raw.method == Method::Get {
            self.wrong(&format!("{path}.method"), "POST, because the request has a body");
        }
        let mut headers = self.header_templates(&format!("{path}.headers"), &raw.headers, variables);
        if let Some(accept) = raw.format.accept().filter(|_| headers.iter().all(|(name, _)| *name != ACCEPT)) {
            headers.extend(self.template(path, accept, variables).map(|accept| (ACCEPT, accept)));
        }
        let query = query.into_iter().collect::<Option<_>>();
        Some(Request { method: raw.method, path: template?, query: query?, body, protocol, headers, format: raw.format, sql: None })
    }

    /// Proves a query to a database.
    fn query(&mut self, path: &str, raw: &raw::Request, variables: &[&str]) -> Option<Request> {
        let others = [
            ("path", !raw.path.is_empty()),
            ("query", !raw.query.is_empty()),
            ("json", raw.json.is_some()),
            ("graphql", raw.graphql.is_some()),
            ("jsonrpc", raw.jsonrpc.is_some()),
            ("headers", !raw.headers.is_empty()),
            ("method", raw.method != Method::Get),
            ("format", raw.format != Format::Json),
        ];
        for (key, _) in others.iter().filter(|(_, given)| *given) {
            self.wrong(&format!("{path}.{key}"), "nothing, a database gets `sql` and `values`");
        }
        let Some(sql) = &raw.sql else {
            self.wrong(&format!("{path}.sql"), "a SELECT, because the transport is `sql`");
            return None;
        };
        let sql = self.template(&format!("{path}.sql"), sql, variables);
        let values: serde_json::Map<_, _> = raw.values.clone().into_iter().collect();
        let values = self.json_template(&format!("{path}.values"), &Json::Object(values), variables);
        let path = self.template(path, "", variables)?;
        let (query, headers) = (Vec::new(), Vec::new());
        Some(Request { method: Method::Post, path, query, body: None, protocol: Protocol::Plain, headers, format: Format::Ndjson, sql: Some((sql?, values?)) })
    }

    /// A request's body, which is written in one of three ways.
    fn body(
        &mut self,
        path: &str,
        raw: (Option<Json>, Option<raw::Graphql>, Option<raw::Jsonrpc>),
        variables: &[&str],
    ) -> Option<(Protocol, Option<JsonTemplate>)> {
        let literal = |name: &str, json: Json| (name.to_owned(), JsonTemplate::Literal(json));
        Some(match raw {
            (None, None, None) => (Protocol::Plain, None),
            (Some(json), None, None) => (Protocol::Plain, Some(self.json_template(&format!("{path}.json"), &json, variables)?)),
            (None, Some(graphql), None) => {
                let asks = |name: &str| graphql.query.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| *word == name).count();
                if asks("nodes").max(asks("edges")) > asks("pageInfo") {
                    self.wrong(
                        &format!("{path}.graphql.query"),
                        "`pageInfo { hasNextPage }` beside each list of nodes: without it nothing shows that it goes on",
                    );
                }
                let given: serde_json::Map<_, _> = graphql.variables.into_iter().collect();
                let inside = self.json_template(&format!("{path}.graphql.variables"), &Json::Object(given), variables)?;
                (Protocol::Graphql, Some(JsonTemplate::Map(vec![literal("query", json!(graphql.query)), ("variables".to_owned(), inside)])))
            }
            (None, None, Some(call)) => {
                let given: serde_json::Map<_, _> = call.params.into_iter().collect();
                let inside = self.json_template(&format!("{path}.jsonrpc.params"), &Json::Object(given), variables)?;
                let body = vec![literal("jsonrpc", json!("2.0")), literal("method", json!(call.method)), ("params".to_owned(), inside)];
                (Protocol::Jsonrpc, Some(JsonTemplate::Map(body)))
            }
            _ => {
                self.wrong(path, "one of `json`, `graphql` and `jsonrpc`");
                return None;
            }
        })
    }

    fn headers(&mut self, path: &str, raw: &BTreeMap<String, String>) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        for (name, value) in raw {
            let parsed = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::try_from(value.as_str()).ok());
            match parsed {
                Some(header) => headers.push(header),
                None => self.wrong(&format!("{path}.{name}"), "a header's name and value in plain ASCII"),
            }
        }
        headers
    }

    fn header_templates(&mut self, path: &str, raw: &BTreeMap<String, String>, variables: &[&str]) -> Vec<(HeaderName, Template)> {
        let mut headers = Vec::new();
        for (name, value) in raw {
            let path = format!("{path}.{name}");
            match (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
                (Ok(name), Ok(_)) => headers.extend(self.template(&path, value, variables).map(|value| (name, value))),
                _ => self.wrong(&path, "a header's name and value in plain ASCII"),
            }
        }
        headers
    }

    fn variants(&mut self, raw: Vec<raw::Variant>) -> Vec<Variant> {
        let mut variants = Vec::new();
        for (position, variant) in raw.into_iter().enumerate() {
            let path = format!("variants[{position}]");
            self.name(&format!("{path}.name"), &variant.name);
            let vars = Json::Object(variant.vars.into_iter().collect());
            if let Some(request) = self.request(&format!("{path}.request"), variant.request, BASE) {
                variants.push(Variant { name: variant.name, request, vars });
            }
        }
        let names: HashSet<_> = variants.iter().map(|variant| &variant.name).collect();
        if names.len() < variants.len() {
            self.wrong("variants", "names that differ");
        }
        variants
    }

    /// Names become labels and variables.
    pub(super) fn name(&mut self, path: &str, name: &str) {
        let good =
            name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
        if !good {
            self.wrong(path, "a name of lower-case letters, digits and underscores");
        }
    }

    /// Text is only of use to a request that nobody takes rows from.
    pub(super) fn json_only(&mut self, path: &str, request: &Request) {
        if request.format == Format::Text {
            self.wrong(&format!("{path}.format"), "`json` or another format with rows, because rows are taken from the answer");
        }
    }
}
