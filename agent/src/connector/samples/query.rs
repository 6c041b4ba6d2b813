//! Answers of the query API: `{status, data: {resultType, result}, warnings, infos}`. An answer with an error, or of only a part of what was asked
//! for, is refused.

use std::{collections::HashSet, sync::Arc};

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Family, Sample, number, refuse_too_many, wrong};
use crate::connector::{
    expression::{self, Val},
    failure::{Failure, FailureReason},
};

/// What kinds of errors the API has a word for. Its texts may quote anything.
const ERRORS: [&str; 8] = ["bad_data", "canceled", "execution", "internal", "not_acceptable", "not_found", "timeout", "unavailable"];

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default, rename = "errorType")]
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<Json>,
    #[serde(default)]
    infos: Vec<Json>,
    /// Of clusters: whether a part of them did not answer.
    #[serde(default, rename = "isPartial")]
    is_partial: bool,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Json,
}

#[derive(Deserialize)]
struct Series {
    metric: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histogram: Option<Json>,
    #[serde(default)]
    histograms: Vec<Json>,
}

/// An answer as `{type, samples, warnings, infos}`: the type of result (vector, scalar or matrix), a row for each sample, and how many warnings and
/// remarks there were.
///
/// # Errors
/// `upstream_error` with the kind of error, `incomplete` for a part, `not_expected_format` for what is no such answer.
pub(in crate::connector) fn answer(json: &[u8]) -> Result<Val, Failure> {
    let answer: Answer = serde_json::from_slice(json).map_err(|error| {
        let place = format!("(line {}, column {})", error.line(), error.column());
        wrong(format!("the answer is not one of the query API {place}: expected `status`, and `data` with `resultType` and `result`"))
    })?;
    if answer.status != "success" {
        let kind = answer.error.as_deref().filter(|kind| ERRORS.contains(kind)).map(|kind| format!(": {kind}")).unwrap_or_default();
        return Err(Failure::new(FailureReason::UpstreamError, format!("the query failed{kind}")));
    }
    if answer.is_partial {
        return Err(Failure::new(FailureReason::Incomplete, "the answer is partial: a part of the upstream did not reply"));
    }
    let data = answer.data.ok_or_else(|| wrong("the answer has no `data`"))?;
    let samples = samples(&data)?;
    let count = |list: &[Json]| expression::from_json(&list.len().into());
    let samples = samples.into_iter().map(Sample::row).collect();
    let entries = [("type", expression::text(data.kind)), ("samples", samples), ("warnings", count(&answer.warnings)), ("infos", count(&answer.infos))];
    Ok(expression::object(entries.map(|(key, value)| (key.to_owned(), value))))
}

fn samples(Data { kind, result }: &Data) -> Result<Vec<Sample>, Failure> {
    let series: Vec<Series> = match kind.as_str() {
        "vector" | "matrix" => {
            Deserialize::deserialize(result).map_err(|_| wrong(format!("the result is no {kind}: expected `metric` and values of each series")))?
        }
        "scalar" => {
            let value = Deserialize::deserialize(result).map_err(|_| wrong("the result is no scalar: expected a time and a value"))?;
            vec![Series { metric: Default::default(), value: Some(value), values: Vec::new(), histogram: None, histograms: Vec::new() }]
        }
        _ => return Err(wrong("the result is neither vector, scalar nor matrix")),
    };
    let mut samples = Vec::new();
    let mut seen = HashSet::new();
    let family = Arc::new(Family::default());
    for (index, one) in series.into_iter().enumerate() {
        let at = |what: &str| wrong(format!("series {}: {what}", index + 1));
        let Series { mut metric, value, values, histogram, histograms } = one;
        if histogram.is_some() || !histograms.is_empty() {
            return Err(at("a histogram, which is no number; ask for a quantile, a count or a sum of it"));
        }
        if value.is_some() == (kind == "matrix") || (kind == "matrix" && values.is_empty()) {
            return Err(at("without a value"));
        }
        if !seen.insert(format!("{metric:?}")) {
            return Err(at("the same labels as another"));
        }
        let name = metric.remove("__name__").unwrap_or_default();
        let mut before = f64::NEG_INFINITY;
        for (timestamp, text) in value.into_iter().chain(values) {
            let value = number(&text).ok_or_else(|| at("a value that is no number"))?;
            if timestamp <= before {
                return Err(at("values that are not in the order of their times"));
            }
            before = timestamp;
            samples.push(Sample { name: name.clone(), labels: metric.clone(), value, timestamp: Some(timestamp), family: Arc::clone(&family) });
            refuse_too_many(samples.len())?;
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: Json) -> Result<Json, String> {
        let told = |failure: Failure| format!("{}: {}", failure.reason, failure.message);
        super::answer(answer.to_string().as_bytes()).map(|answer| expression::to_json(&answer)).map_err(told)
    }

    fn success(kind: &str, result: Json) -> Json {
        json!({"status": "success", "data": {"resultType": kind, "result": result}})
    }

    fn row(name: Json, labels: Json, value: Json, timestamp: f64) -> Json {
        json!({"name": name, "labels": labels, "value": value, "type": null, "help": null, "unit": null, "timestamp": timestamp})
    }

    #[test]
    fn results_become_samples() {
        let vector = json!([{"metric": {"__name__": "up", "job": "a"}, "value": [1.5, "1"]}, {"metric": {}, "value": [1.5, "NaN"]}]);
        let samples = json!([row(json!("up"), json!({"job": "a"}), json!(1), 1.5), row(Json::Null, json!({}), json!("NaN"), 1.5)]);
        assert_eq!(read(success("vector", vector)), Ok(json!({"type": "vector", "samples": samples, "warnings": 0, "infos": 0})));
        let samples = |kind, result| read(success(kind, result)).map(|answer| answer["samples"].clone());
        let matrix = json!([{"metric": {"a": "b"}, "values": [[1.5, "1e3"], [2.5, "+Inf"]]}]);
        let rows = json!([row(Json::Null, json!({"a": "b"}), json!(1000), 1.5), row(Json::Null, json!({"a": "b"}), json!("Infinity"), 2.5)]);
        assert_eq!(samples("matrix", matrix), Ok(rows));
        assert_eq!(samples("scalar", json!([1.5, "0.5"])), Ok(json!([row(Json::Null, json!({}), json!(0.5), 1.5)])));
        assert_eq!(samples("vector", json!([])), Ok(json!([])));
        let told = json!({"status": "success", "warnings": ["w"], "infos": ["i", "j"], "data": {"resultType": "vector", "result": []}});
        assert_eq!(read(told), Ok(json!({"type": "vector", "samples": [], "warnings": 1, "infos": 2})));
    }

    #[test]
    fn what_is_no_whole_answer_is_refused() {
        let series = |rest: Json| {
            let mut series = json!({"metric": {"a": "hush"}});
            series.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            series
        };
        let value = || series(json!({"value": [1, "1"]}));
        for (answer, message) in [
            (json!({"status": "error", "errorType": "timeout", "error": "hush"}), "upstream_error: the query failed: timeout"),
            (json!({"status": "error", "errorType": "hush", "error": "hush"}), "upstream_error: the query failed"),
            (json!({"status": "success"}), "not_expected_format: the answer has no `data`"),
            (success("string", json!([1, "hush"])), "not_expected_format: the result is neither vector, scalar nor matrix"),
            (success("vector", json!({})), "not_expected_format: the result is no vector: expected `metric` and values of each series"),
            (success("scalar", json!(["hush"])), "not_expected_format: the result is no scalar: expected a time and a value"),
            (success("vector", json!([series(json!({"value": [1, "hush"]}))])), "not_expected_format: series 1: a value that is no number"),
            (success("vector", json!([value(), value()])), "not_expected_format: series 2: the same labels as another"),
            (success("vector", json!([series(json!({}))])), "not_expected_format: series 1: without a value"),
            (success("matrix", json!([value()])), "not_expected_format: series 1: without a value"),
            (
                success("matrix", json!([series(json!({"values": [[2, "1"], [2, "1"]]}))])),
                "not_expected_format: series 1: values that are not in the order of their times",
            ),
            (
                success("vector", json!([series(json!({"histogram": [1, {}]}))])),
                "not_expected_format: series 1: a histogram, which is no number; ask for a quantile, a count or a sum of it",
            ),
        ] {
            assert_eq!(read(answer.clone()), Err(message.to_owned()), "{answer}");
        }
        let mut partial = success("vector", json!([]));
        partial["isPartial"] = json!(true);
        assert_eq!(read(partial), Err("incomplete: the answer is partial: a part of the upstream did not reply".to_owned()));
    }
}
