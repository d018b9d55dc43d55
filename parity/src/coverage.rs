//! What the compared requests exercised, and what they never did.
//!
//! Stands next to every verdict: a pass says nothing about a route, status, parameter, field or
//! error that was never seen.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    exchange::{Request, Response},
    json::{self, Value},
    path::{Segment, render},
};

/// Different entries kept per facet of a route. Live traffic may invent names without end; what
/// comes after is counted as [`RouteCoverage::not_kept`].
pub const MAX_ENTRIES: usize = 2_000;

/// How often each thing was seen; zero for what is expected and was not.
pub type Seen = BTreeMap<String, u64>;

/// Coverage by route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coverage {
    pub routes: BTreeMap<String, RouteCoverage>,
}

/// What was seen of one route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteCoverage {
    pub requests: u64,
    /// `2xx` to `5xx`.
    pub status_classes: Seen,
    pub statuses: Seen,
    /// Names of query parameters.
    pub parameters: Seen,
    /// Members of JSON answers, as paths with wild indices: `$.items[*].weight`.
    pub fields: Seen,
    /// Status and the shape of the error text: `400 Invalid address.`.
    pub error_codes: Seen,
    /// Sightings that were not kept because a facet was full.
    pub not_kept: u64,
}

/// What is expected of one route and was never seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub route: String,
    /// No request at all; the other lists then repeat everything expected.
    pub never_requested: bool,
    pub status_classes: Vec<String>,
    pub statuses: Vec<String>,
    pub parameters: Vec<String>,
    pub fields: Vec<String>,
    pub error_codes: Vec<String>,
}

impl Gap {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        !self.never_requested
            && [
                &self.status_classes,
                &self.statuses,
                &self.parameters,
                &self.fields,
                &self.error_codes,
            ]
            .iter()
            .all(|missing| missing.is_empty())
    }
}

impl Coverage {
    /// Nothing seen yet, these routes expected.
    pub fn expecting_routes<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            routes: names
                .into_iter()
                .map(|name| (name.to_owned(), RouteCoverage::default()))
                .collect(),
        }
    }

    /// Expects everything that `other` saw or expected, for example what a recorded corpus
    /// exercises, of live traffic.
    pub fn expect(&mut self, other: &Self) {
        for (route, expected) in &other.routes {
            let ours = self.routes.entry(route.clone()).or_default();
            for (ours, expected) in ours.facets_mut().into_iter().zip(expected.facets()) {
                for name in expected.keys() {
                    ours.entry(name.clone()).or_insert(0);
                }
            }
        }
    }

    /// Adds one compared request and the reference's answer to it.
    pub fn observe(&mut self, route: &str, request: &Request, response: &Response) {
        if !self.routes.contains_key(route) {
            self.routes
                .insert(route.to_owned(), RouteCoverage::default());
        }
        if let Some(coverage) = self.routes.get_mut(route) {
            coverage.observe(request, response);
        }
    }

    /// Adds another replica's sightings.
    pub fn merge(&mut self, other: &Self) {
        for (route, theirs) in &other.routes {
            let ours = self.routes.entry(route.clone()).or_default();
            ours.requests += theirs.requests;
            ours.not_kept += theirs.not_kept;
            for (ours, theirs) in ours.facets_mut().into_iter().zip(theirs.facets()) {
                for (name, count) in theirs {
                    *ours.entry(name.clone()).or_default() += count;
                }
            }
        }
    }

    /// Routes with something expected that was never seen.
    pub fn gaps(&self) -> Vec<Gap> {
        self.routes
            .iter()
            .map(|(route, coverage)| coverage.gap(route))
            .filter(|gap| !gap.is_empty())
            .collect()
    }
}

impl RouteCoverage {
    fn facets(&self) -> [&Seen; 5] {
        [
            &self.status_classes,
            &self.statuses,
            &self.parameters,
            &self.fields,
            &self.error_codes,
        ]
    }

    fn facets_mut(&mut self) -> [&mut Seen; 5] {
        [
            &mut self.status_classes,
            &mut self.statuses,
            &mut self.parameters,
            &mut self.fields,
            &mut self.error_codes,
        ]
    }

    fn gap(&self, route: &str) -> Gap {
        let [status_classes, statuses, parameters, fields, error_codes] =
            self.facets().map(|facet| {
                facet
                    .iter()
                    .filter(|(_, count)| **count == 0)
                    .map(|(name, _)| name.clone())
                    .collect()
            });
        Gap {
            route: route.to_owned(),
            never_requested: self.requests == 0,
            status_classes,
            statuses,
            parameters,
            fields,
            error_codes,
        }
    }

    fn observe(&mut self, request: &Request, response: &Response) {
        self.requests += 1;
        let mut not_kept = 0;
        let mut see = |seen: &mut Seen, name: String| {
            if let Some(count) = seen.get_mut(&name) {
                *count += 1;
            } else if seen.len() < MAX_ENTRIES {
                seen.insert(name, 1);
            } else {
                not_kept += 1;
            }
        };
        see(
            &mut self.status_classes,
            format!("{}xx", response.status / 100),
        );
        see(&mut self.statuses, response.status.to_string());
        for name in query_names(&request.target) {
            see(&mut self.parameters, name.to_owned());
        }
        let body = json::parse(&response.body).ok();
        if let Some(body) = &body {
            let mut paths = Vec::new();
            field_paths(body, &mut Vec::new(), &mut paths);
            paths.sort_unstable();
            paths.dedup();
            for path in paths {
                see(&mut self.fields, path);
            }
        }
        for code in error_codes(response.status, body.as_ref()) {
            see(&mut self.error_codes, code);
        }
        self.not_kept += not_kept;
    }
}

/// Paths of the members of a JSON body, with wild indices; absent when the body is no JSON.
pub fn fields(body: &[u8]) -> Option<BTreeSet<String>> {
    let body = json::parse(body).ok()?;
    let mut paths = Vec::new();
    field_paths(&body, &mut Vec::new(), &mut paths);
    Some(paths.into_iter().collect())
}

fn query_names(target: &str) -> impl Iterator<Item = &str> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
        .filter(|name| !name.is_empty())
}

fn field_paths<'a>(value: &'a Value<'_>, at: &mut Vec<String>, paths: &mut Vec<String>) {
    let mut descend = |name: String, value: &'a Value<'_>| {
        at.push(name);
        paths.push(format!("${}", at.concat()));
        field_paths(value, at, paths);
        at.pop();
    };
    match value {
        Value::Array(elements) => {
            for element in elements {
                descend("[*]".into(), element);
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                let key = key.decoded();
                let name = if is_address(&key) {
                    ".*".to_owned()
                } else {
                    render("", &[Segment::Key(&key)])
                };
                descend(name, value);
            }
        }
        _ => {}
    }
}

/// An Ethereum address used as a key would make a field of its own for every user.
fn is_address(key: &str) -> bool {
    key.len() == 42 && key.starts_with("0x") && key[2..].bytes().all(|b| b.is_ascii_hexdigit())
}

/// The errors an answer reports: `detail` or `error` of a JSON body (also of a 200, contract
/// §9 quirk 27), each 422 item's type, or the bare status of anything else from 400 on.
fn error_codes(status: u16, body: Option<&Value<'_>>) -> Vec<String> {
    let texts = |name| body.and_then(|body| body.get(name)).and_then(Value::as_str);
    if let Some(text) = texts("detail").or_else(|| texts("error")) {
        return vec![format!("{status} {}", without_particulars(&text))];
    }
    if status < 400 {
        return Vec::new();
    }
    let items = body
        .and_then(|body| body.get("detail"))
        .and_then(Value::elements);
    let mut codes: Vec<String> = items
        .unwrap_or_default()
        .iter()
        .filter_map(|item| item.get("type").and_then(Value::as_str))
        .map(|kind| format!("{status} {kind}"))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    if codes.is_empty() {
        codes.push(status.to_string());
    }
    codes
}

/// The text with hexadecimal and decimal numbers replaced, cut to a line's length.
fn without_particulars(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    let mut shape = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, shape: &mut String| {
        let hexadecimal = word
            .strip_prefix("0x")
            .is_some_and(|digits| !digits.is_empty());
        let numeric = word.bytes().any(|byte| byte.is_ascii_digit());
        shape.push_str(match (hexadecimal, numeric) {
            (true, _) => "0x…",
            (false, true) => "#",
            _ => word,
        });
        word.clear();
    };
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c);
        } else {
            flush(&mut word, &mut shape);
            shape.push(c);
        }
    }
    flush(&mut word, &mut shape);
    shape.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::exchange::Headers;

    fn request(target: &str) -> Request {
        Request {
            method: "GET".into(),
            target: target.into(),
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Headers::default(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn of(status: u16, body: &str) -> RouteCoverage {
        let mut coverage = Coverage::default();
        coverage.observe("r", &request("/x?a=1&b&a=2&=3"), &response(status, body));
        coverage.routes["r"].clone()
    }

    #[test]
    fn sees_statuses_parameters_and_fields_with_wild_indices() {
        let seen = of(200, r#"{"items":[{"id":1},{"id":2}],"a.b":null}"#);
        assert_eq!(seen.statuses["200"], 1);
        assert_eq!(seen.status_classes["2xx"], 1);
        assert_eq!(
            seen.parameters,
            Seen::from([("a".into(), 2), ("b".into(), 1)])
        );
        let fields: Vec<&str> = seen.fields.keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            ["$.items", "$.items[*]", "$.items[*].id", "$[\"a.b\"]"]
        );
        assert!(seen.error_codes.is_empty());
    }

    #[test]
    fn addresses_as_keys_are_one_field() {
        let body = format!(
            r#"{{"0x{0}":{{"s":1}},"0x{1}":{{"s":1}}}}"#,
            "a".repeat(40),
            "B".repeat(40)
        );
        assert_eq!(
            of(200, &body).fields.keys().collect::<Vec<_>>(),
            ["$.*", "$.*.s"]
        );
    }

    #[test]
    fn errors_are_told_apart_by_text_but_not_by_particulars() {
        for (status, body, expected) in [
            (
                400,
                r#"{"detail":"Invalid address."}"#,
                vec!["400 Invalid address."],
            ),
            (
                404,
                r#"{"detail":"no 0xAbC among 12"}"#,
                vec!["404 no 0x… among #"],
            ),
            (
                200,
                r#"{"score":"0","error":"Failed to save"}"#,
                vec!["200 Failed to save"],
            ),
            (200, r#"{"score":"0","error":null}"#, vec![]),
            (
                422,
                r#"{"detail":[{"type":"missing"},{"type":"int"},{"type":"missing"}]}"#,
                vec!["422 int", "422 missing"],
            ),
            (500, "<html>", vec!["500"]),
        ] {
            let codes: Vec<String> = of(status, body).error_codes.into_keys().collect();
            assert_eq!(codes, expected, "{body}");
        }
    }

    #[test]
    fn what_a_corpus_saw_and_traffic_did_not_is_a_gap() {
        let mut corpus = Coverage::default();
        corpus.observe(
            "score",
            &request("/s?all=1"),
            &response(200, r#"{"a":1,"b":2}"#),
        );
        corpus.observe(
            "score",
            &request("/s"),
            &response(404, r#"{"detail":"Nobody"}"#),
        );
        corpus.observe("bans", &request("/b"), &response(200, "[]"));
        let mut live = Coverage::expecting_routes(["weights"]);
        live.expect(&corpus);
        live.observe("score", &request("/s"), &response(200, r#"{"a":1}"#));
        let gaps = live.gaps();
        let routes: Vec<(&str, bool)> = gaps
            .iter()
            .map(|gap| (gap.route.as_str(), gap.never_requested))
            .collect();
        assert_eq!(
            routes,
            [("bans", true), ("score", false), ("weights", true)]
        );
        let score = &gaps[1];
        assert_eq!(score.statuses, ["404"]);
        assert_eq!(score.status_classes, ["4xx"]);
        assert_eq!(score.parameters, ["all"]);
        assert_eq!(score.fields, ["$.b", "$.detail"]);
        assert_eq!(score.error_codes, ["404 Nobody"]);
    }

    #[test]
    fn replicas_add_up_to_one() {
        let exchanges = [
            (request("/s?a=1"), response(200, r#"{"a":1}"#)),
            (request("/s?b=1"), response(404, "")),
            (request("/s"), response(200, r#"{"b":1}"#)),
        ];
        let (mut whole, mut left, mut right) = (
            Coverage::default(),
            Coverage::default(),
            Coverage::default(),
        );
        for (i, (request, response)) in exchanges.iter().enumerate() {
            whole.observe("s", request, response);
            if i % 2 == 0 { &mut left } else { &mut right }.observe("s", request, response);
        }
        left.merge(&right);
        assert_eq!(left, whole);
    }

    #[test]
    fn names_without_end_are_counted_but_not_kept() {
        let mut coverage = Coverage::default();
        for i in 0..MAX_ENTRIES + 5 {
            coverage.observe("s", &request(&format!("/s?p{i}=1")), &response(200, ""));
        }
        assert_eq!(coverage.routes["s"].parameters.len(), MAX_ENTRIES);
        assert_eq!(coverage.routes["s"].not_kept, 5);
    }
}
