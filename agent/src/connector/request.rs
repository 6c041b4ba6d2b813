//! From a described request and its values to one that can be sent. Pure.

use reqwest::{
    Method as HttpMethod, Url,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value as Json, json};

use super::{
    client::Client,
    description::{Method, Protocol, Request},
    expression::{self, RunError, Scope, Val},
    failure::{Failure, FailureReason},
    http::{self, Call},
    memo,
    page::Additions,
};

/// The first request of a walk, or a single one.
pub(super) fn render(request: &Request, base: &Url, scope: &Scope, stream: &str) -> Result<Call, Failure> {
    Prepared::new(request, scope).map_err(|error| mapping(stream, &error))?.call(base, &Additions::default(), stream, 1, None)
}

fn mapping(stream: &str, error: &RunError) -> Failure {
    Failure::new(FailureReason::Mapping, format!("{stream}: request: {error}"))
}

/// A request with its values put in, to which each page adds its own.
#[derive(Debug, Clone)]
pub(super) struct Prepared<'d> {
    request: &'d Request,
    path: String,
    /// The path as messages show it.
    shown: String,
    query: Vec<(String, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Json>,
}

impl<'d> Prepared<'d> {
    /// Puts the values in.
    pub(super) fn new(request: &'d Request, scope: &Scope) -> Result<Self, RunError> {
        let mut query = Vec::new();
        for (name, template) in &request.query {
            for (name, value) in parameters(name, template.json(scope)?)? {
                query.extend(texts(value)?.into_iter().map(|text| (name.clone(), text)));
            }
        }
        let body = request.body.as_ref().map(|body| body.json(scope)).transpose()?;
        let mut headers = Vec::new();
        for (name, template) in &request.headers {
            if let Some(text) = template.text(scope)? {
                let value = HeaderValue::try_from(text).map_err(|_| RunError(format!("the header {name} can't have this value")))?;
                headers.push((name.clone(), value));
            }
        }
        let (path, shown) = (request.path.path(scope)?, request.path.shown(scope)?);
        let body = match &request.sql {
            None => body,
            Some((sql, values)) => {
                let sql = sql.text(scope)?.ok_or_else(|| RunError("the query is missing".to_owned()))?;
                Some(json!({"sql": sql, "values": values.json(scope)?}))
            }
        };
        Ok(Self { request, path, shown, query, headers, body })
    }

    /// What tells this request from others of its stream.
    pub(super) fn identity(&self) -> String {
        format!("{} {:?} {:?} {}", self.path, self.query, self.headers, self.body.as_ref().map(Json::to_string).unwrap_or_default())
    }

    /// The call for one page. `previous` is the address of the page before, which a link may be relative to.
    pub(super) fn call(&self, base: &Url, additions: &Additions, stream: &str, page: u64, previous: Option<&Url>) -> Result<Call, Failure> {
        if self.request.sql.is_some() {
            let body = self.body.as_ref().map(|body| body.to_string().into_bytes());
            let shown = (base.to_string(), String::new());
            return Ok(Call { page, shown, body, ..Call::bare(base, HttpMethod::POST, stream) });
        }
        let shown = (base.origin().ascii_serialization(), format!("{}{}", base.path().trim_end_matches('/'), self.shown));
        let url = match &additions.link {
            Some(link) => http::follow_link((previous.unwrap_or(base), &(shown.0.clone() + &shown.1)), base, link).map_err(|failure| failure.at(stream))?,
            None => http::below(base, &self.path, &[self.query.clone(), additions.query.clone()].concat()),
        };
        let mut body = self.body.clone();
        if !additions.json.is_empty() || self.request.protocol == Protocol::Jsonrpc {
            let mut whole = match body {
                Some(Json::Object(whole)) => whole,
                _ => Map::new(),
            };
            let inside = match self.request.protocol {
                Protocol::Plain => None,
                Protocol::Graphql => whole.get_mut("variables"),
                Protocol::Jsonrpc => whole.get_mut("params"),
            };
            match inside {
                Some(Json::Object(inside)) => inside.extend(additions.json.iter().cloned()),
                _ => whole.extend(additions.json.iter().cloned()),
            }
            if self.request.protocol == Protocol::Jsonrpc {
                whole.insert("id".to_owned(), page.into());
            }
            body = Some(Json::Object(whole));
        }
        let method = match self.request.method {
            Method::Get => HttpMethod::GET,
            Method::Post => HttpMethod::POST,
        };
        let body = body.map(|body| body.to_string().into_bytes());
        Ok(Call { page, shown, headers: self.headers.clone(), body, ..Call::bare(&url, method, stream) })
    }
}

/// A parameter of this name; or of `*`, which stands for any, all those of an object.
fn parameters(name: &str, value: Json) -> Result<Vec<(String, Json)>, RunError> {
    match (name, value) {
        ("*", Json::Object(entries)) => Ok(entries.into_iter().collect()),
        ("*", Json::Null) => Ok(Vec::new()),
        ("*", _) => Err(RunError("the parameters under `*` are no object".to_owned())),
        (name, value) => Ok(vec![(name.to_owned(), value)]),
    }
}

/// A query parameter's values: none for null, several for a list.
fn texts(value: Json) -> Result<Vec<String>, RunError> {
    let values = match value {
        Json::Array(values) => values,
        value => vec![value],
    };
    let text = |value: &Json| match value {
        Json::Array(_) | Json::Object(_) => Err(RunError("a query parameter can't be an object".to_owned())),
        value => Ok(expression::text_of(&expression::from_json(value))),
    };
    values.iter().filter(|value| !value.is_null()).map(text).collect()
}

/// The names and values that every expression of a poll knows.
pub(super) fn base_scope(client: &Client, vars: Val, now: i64) -> Scope {
    let [now, midnight] = [now, memo::midnight(now)].map(|moment| expression::from_json(&Json::from(moment)));
    let scope = Scope::default().with("source", expression::text(&client.source().name)).with("settings", client.settings()).with("vars", vars);
    scope.with("auth", expression::text(client.auth().as_str())).with("now", now).with("midnight", midnight)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::connector::{
        description::Format,
        expression::Words,
        template::{JsonTemplate, Template},
    };

    fn request(method: Method, path: &str, query: &[(&str, Json)], body: Option<Json>, protocol: Protocol) -> Request {
        let variables = Words::of(&["row", "since"]);
        let query = query.iter().map(|(name, json)| ((*name).to_owned(), JsonTemplate::parse(json, &variables).unwrap())).collect();
        let body = body.map(|body| JsonTemplate::parse(&body, &variables).unwrap());
        Request { method, path: Template::parse(path, &variables).unwrap(), query, body, protocol, headers: Vec::new(), format: Format::Json, sql: None }
    }

    fn call(request: &Request, row: Json, additions: &Additions) -> Result<(String, Json), String> {
        let scope = Scope::default().with("row", expression::from_json(&row));
        let prepared = Prepared::new(request, &scope).map_err(|error| error.to_string())?;
        let call = prepared.call(&Url::parse("https://a.example/p").unwrap(), additions, "s", 1, None).map_err(|failure| failure.message)?;
        let body = call.body.map_or(Json::Null, |body| serde_json::from_slice(&body).unwrap());
        Ok((call.url.to_string(), body))
    }

    #[test]
    fn queries_leave_out_null_and_repeat_lists() {
        let query =
            [("a", json!("{{ row.a }}")), ("b", json!(1)), ("c", json!(["x", "{{ row.a }}"])), ("d", json!("{{ row.none }}")), ("e", json!(">={{ since }}"))];
        let request = request(Method::Get, "/x/{{ row.a }}", &query, None, Protocol::Plain);
        assert_eq!(call(&request, json!({"a": "1 &"}), &Additions::default()).unwrap().0, "https://a.example/p/x/1%20%26?a=1+%26&b=1&c=x&c=1+%26");
        assert_eq!(call(&request, json!({}), &Additions::default()).unwrap_err(), "a value for the path is missing");
        let any = self::request(Method::Get, "/x", &[("*", json!("{{ row.all }}")), ("b", json!(1))], None, Protocol::Plain);
        let asked = |row: Json| call(&any, row, &Additions::default()).map(|(url, _)| url);
        assert_eq!(asked(json!({"all": {"a": [1, "&"], "none": null}})).unwrap(), "https://a.example/p/x?a=1&a=%26&b=1");
        assert_eq!(asked(json!({})).unwrap(), "https://a.example/p/x?b=1");
        assert_eq!(asked(json!({"all": [1]})).unwrap_err(), "the parameters under `*` are no object");
    }

    #[test]
    fn pages_add_to_query_body_and_variables() {
        let additions = Additions { query: vec![("t".into(), "a b".into())], json: vec![("after".into(), json!("x"))], link: None };
        let plain = request(Method::Post, "/x", &[], Some(json!({"limit": 1})), Protocol::Plain);
        assert_eq!(call(&plain, json!({}), &additions).unwrap(), ("https://a.example/p/x?t=a+b".to_owned(), json!({"limit": 1, "after": "x"})));
        let graphql = request(Method::Post, "/g", &[], Some(json!({"query": "q", "variables": {"n": "{{ row.n }}"}})), Protocol::Graphql);
        assert_eq!(call(&graphql, json!({"n": 5}), &additions).unwrap().1, json!({"query": "q", "variables": {"n": 5, "after": "x"}}));
        let body = json!({"jsonrpc": "2.0", "method": "list", "params": {"n": "{{ row.n }}"}});
        let jsonrpc = request(Method::Post, "/rpc", &[], Some(body), Protocol::Jsonrpc);
        let sent = |additions: &Additions| call(&jsonrpc, json!({"n": 5}), additions).unwrap().1;
        assert_eq!(sent(&Additions::default()), json!({"jsonrpc": "2.0", "id": 1, "method": "list", "params": {"n": 5}}));
        assert_eq!(sent(&additions)["params"], json!({"n": 5, "after": "x"}));
    }

    #[test]
    fn headers_hold_values() {
        let mut asked = request(Method::Get, "/x", &[], None, Protocol::Plain);
        asked.headers.push((HeaderName::from_static("x-scope"), Template::parse("{{ row.scope }}", &Words::of(&["row"])).unwrap()));
        let headers = |row: Json| {
            let prepared = Prepared::new(&asked, &Scope::default().with("row", expression::from_json(&row)));
            let call = prepared.map_err(|error| error.to_string())?.call(&Url::parse("https://a.example").unwrap(), &Additions::default(), "s", 1, None);
            Ok::<_, String>(call.unwrap().headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>())
        };
        assert_eq!(headers(json!({"scope": 7})).unwrap(), ["x-scope: 7"]);
        assert_eq!(headers(json!({})).unwrap(), [""; 0]);
        assert_eq!(headers(json!({"scope": "a\r\nb: c"})).unwrap_err(), "the header x-scope can't have this value");
    }

    #[test]
    fn requests_are_told_apart_by_what_is_put_in() {
        let request = request(Method::Get, "/x", &[("id", json!("{{ row.id }}"))], None, Protocol::Plain);
        let identities: BTreeMap<_, _> = [1, 2, 1]
            .iter()
            .map(|id| (Prepared::new(&request, &Scope::default().with("row", expression::from_json(&json!({"id": id})))).unwrap().identity(), ()))
            .collect();
        assert_eq!(identities.len(), 2);
    }
}
