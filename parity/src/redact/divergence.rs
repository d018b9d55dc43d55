//! Secrets in what a comparison found.
//!
//! Values were compared as they are and are replaced afterwards, at the same places as in the
//! exchanges, so that a token can be looked up there. What cannot be taken apart is replaced whole.

use bytes::Bytes;

use super::{Policy, Redactor, cache, ends_in_secret_name, token};
use crate::{
    compare::Observation,
    exchange::Response,
    json::{self, Value},
    outcome::{Divergence, Kind, Place},
    path::{Pattern, Segment},
};

impl Redactor {
    /// The divergence, found between these two, as it may be written. It stays a divergence: values
    /// that differ are replaced by tokens that differ.
    pub fn divergence(
        &self,
        found: &Divergence,
        reference: &Observation,
        candidate: &Observation,
    ) -> Divergence {
        let Policy::Replace { key, .. } = &self.policy else {
            return found.clone();
        };
        let sides = [
            (&found.reference, &reference.response),
            (&found.candidate, &candidate.response),
        ];
        let mut written = sides.map(|(text, response)| {
            text.as_deref()
                .map(|text| self.found_text(key, found, text, response))
        });
        if written[0] == written[1] && found.reference != found.candidate {
            // One secret in two notations.
            written = sides.map(|(text, _)| text.as_deref().map(|text| quoted(key, text)));
        }
        let [reference, candidate] = written;
        Divergence {
            reference,
            candidate,
            ..found.clone()
        }
    }

    fn found_text(
        &self,
        key: &[u8],
        found: &Divergence,
        text: &str,
        response: &Response,
    ) -> String {
        match found.place {
            Place::Status => text.to_owned(),
            Place::Header => self.found_header(key, found, text, response),
            Place::Body if found.path == "$" => self.found_body(key, found.kind, text, response),
            Place::Body | Place::Effects => self.found_value(key, found, text),
        }
    }

    fn found_header(
        &self,
        key: &[u8],
        found: &Divergence,
        text: &str,
        response: &Response,
    ) -> String {
        let is_about_names = found.path.is_empty() || found.kind == Kind::Form;
        if is_about_names {
            text.to_owned()
        } else if self.keeps_header(&found.path) {
            self.target(text).into_owned()
        } else {
            // A comparison shows less of a cookie than it compares.
            let values: Vec<&[u8]> = response.headers.all(&found.path).collect();
            token(key, &values.join(&b'\n'))
        }
    }

    /// A body as a whole, or for other bytes of the same JSON, a part cut out anywhere.
    fn found_body(&self, key: &[u8], kind: Kind, text: &str, response: &Response) -> String {
        let body = |body: &Bytes| self.body(&response.headers, body);
        match kind {
            Kind::Order | Kind::Length => text.to_owned(),
            Kind::Bytes if body(&response.body) == response.body => text.to_owned(),
            Kind::Bytes => quoted(key, text),
            _ => {
                let body = body(&Bytes::copy_from_slice(text.as_bytes()));
                String::from_utf8_lossy(&body).into_owned()
            }
        }
    }

    /// The value at a place in a body or in rows.
    fn found_value(&self, key: &[u8], found: &Divergence, text: &str) -> String {
        let has_quote_in_a_key = found.path.contains("\\\"");
        let path = match Pattern::parse(&found.path) {
            Ok(path) if !has_quote_in_a_key => path,
            _ => return quoted(key, text),
        };
        let (root, mut steps) = (path.root(), path.steps());
        let parsed = json::parse(text.as_bytes());
        if found.place == Place::Effects {
            // A place in rows has a list and a row below its table.
            if let (cache::ROOT, [Segment::Key(name)], Ok(value)) = (root, &steps[..], &parsed) {
                return self.cached(name, value).to_text();
            }
            steps = in_rows(steps);
        }
        let is_within_secret = (1..=steps.len()).any(|depth| {
            ends_in_secret_name(&steps[..depth]) || self.is_pointed_at(root, &steps[..depth])
        });
        if is_within_secret {
            return match parsed {
                Ok(Value::Null) => text.to_owned(),
                Ok(Value::String(text)) => quoted(key, &text.decoded()),
                _ => quoted(key, text),
            };
        }
        let Ok(value) = parsed else {
            let is_about_names = matches!(found.kind, Kind::Order | Kind::Form);
            return if is_about_names {
                text.to_owned()
            } else {
                quoted(key, text)
            };
        };
        let replaced = if let [Segment::Key("updated"), Segment::Index(_)] = steps[..] {
            value.map_children(&mut steps, &mut |path, child| {
                self.value(root, &mut in_rows(path.clone()), child)
            })
        } else {
            self.value(root, &mut steps, &value)
        };
        if replaced == value {
            text.to_owned()
        } else {
            replaced.to_text()
        }
    }
}

/// A place in rows as [`Redactor::effects`] names it: any row of a list is the first, and a column of
/// an update stands in the row, before or after.
fn in_rows(mut steps: Vec<Segment<'_>>) -> Vec<Segment<'_>> {
    if let Some(Segment::Index(index)) = steps.get_mut(1) {
        *index = 0;
    }
    if let [
        Segment::Key("updated"),
        _,
        Segment::Key("before" | "after"),
        ..,
    ] = steps[..]
    {
        steps.remove(2);
    }
    steps
}

/// The token of a text, as JSON.
fn quoted(key: &[u8], text: &str) -> String {
    Value::<'static>::string(&token(key, text.as_bytes())).to_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bind::Bindings,
        compare::{Comparison, Context, compare},
        exchange::Headers,
        rules::Rules,
    };

    fn observation(headers: &[(&str, &str)], body: &str, rows: Option<&str>) -> Observation {
        Observation {
            response: Response {
                status: 200,
                headers: Headers(
                    headers
                        .iter()
                        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                        .collect(),
                ),
                body: Bytes::copy_from_slice(body.as_bytes()),
            },
            effects: rows.map(|rows| serde_json::from_str(rows).expect("rows")),
        }
    }

    fn compared(reference: &Observation, candidate: &Observation) -> Comparison {
        let context = Context {
            rules: &Rules::none(),
            route: "x",
            tags: &[],
        };
        compare(&context, &mut Bindings::default(), reference, candidate)
    }

    /// What is written of the only thing in which two differ; no secret of either is in it.
    fn written(reference: &Observation, candidate: &Observation) -> [Option<String>; 2] {
        let comparison = compared(reference, candidate);
        let [found] = &comparison.diverged[..] else {
            panic!("{comparison:?}");
        };
        let redactor = Redactor::new(*b"key").replace_at(
            Pattern::parse("t.updated[*].pointed").expect("valid"),
            "t.updated[*].pointed",
        );
        let written = redactor.divergence(found, reference, candidate);
        let text = serde_json::to_string(&written).expect("serialises");
        assert!(!text.contains("s3cret"), "{text}");
        assert_ne!(written.reference, written.candidate, "{text}");
        let kept = Redactor::keep_all("test").divergence(found, reference, candidate);
        assert_eq!(kept, *found);
        [written.reference, written.candidate]
    }

    const JSON: (&str, &str) = ("Content-Type", "application/json");

    #[test]
    fn no_secret_is_in_a_difference_between_bodies() {
        for (reference, candidate) in [
            (
                r#"{"a": [{"proof": "s3cret-1"}]}"#,
                r#"{"a": [{"proof": "s3cret-2"}]}"#,
            ),
            (
                r#"{"proof": {"jws": "s3cret-1"}}"#,
                r#"{"proof": {"jws": "s3cret-2"}}"#,
            ),
            // Within a secret whatever its name, and above one.
            (
                r#"{"proof": {"a": "s3cret-1"}}"#,
                r#"{"proof": {"a": "s3cret-2"}}"#,
            ),
            (r#"{"a": [{"token": "s3cret-1"}]}"#, r#"{"a": []}"#),
            (r#"{"a": {"token": "s3cret-1"}}"#, r#"{"a": 1}"#),
            (r#"{"token": "s3cret-1"}"#, r#"[{"token": "s3cret-1"}]"#),
            // The same secret, written differently.
            (r#"{"token": "s3cret-A"}"#, r#"{"token": "s3cret-\u0041"}"#),
            (r#"{"token": "s3cret-1"}"#, r#"{ "token": "s3cret-1"}"#),
            (r#"{"token": "s3cret-1"}"#, r#"{"token": null}"#),
            // Not JSON.
            (r#"{"token": "s3cret-1"}"#, r#"{"token": "s3cret-1""#),
            (r#"{"token": "s3cret-1""#, r#"{"token": "s3cret-2""#),
            // A key that must be quoted, around something that is named by a secret's name.
            (
                r#"{"\"][": {"token": {"q]": "s3cret-1"}}}"#,
                r#"{"\"][": {"token": {"q]": "s3cret-2"}}}"#,
            ),
        ] {
            let sides = [reference, candidate].map(|body| observation(&[JSON], body, None));
            written(&sides[0], &sides[1]);
        }
        let form = |body| {
            let media = ("Content-Type", "application/x-www-form-urlencoded");
            observation(&[media], body, None)
        };
        written(&form("n=1&secret=s3cret-1"), &form("n=1&secret=s3cret-2"));
    }

    #[test]
    fn no_secret_is_in_a_difference_between_headers() {
        for (name, reference, candidate) in [
            ("X-Whatever", "s3cret-1", "s3cret-2"),
            ("Location", "/next?code=s3cret-1", "/next?code=s3cret-2"),
            // A report tells how long a cookie is: these are equally long.
            ("Set-Cookie", "session=s3cret-1", "session=s3cret-2"),
            ("Set-Cookie", "s3cret-1", "s3cret-2"),
        ] {
            let sides = [reference, candidate].map(|value| observation(&[(name, value)], "", None));
            written(&sides[0], &sides[1]);
            let [_, absent] = written(&sides[0], &observation(&[], "", None));
            assert_eq!(absent, None);
        }
    }

    #[test]
    fn no_secret_is_in_a_difference_between_rows() {
        let one =
            r#"{"t": {"inserted": [{"id": 1, "jws": "s3cret-1", "n": {"proof": "s3cret-1"}}]}}"#;
        let update = |column: &str, value: &str| {
            format!(
                r#"{{"t": {{"updated": [{{"pk": 1, "before": {{"{column}": null}}, "after": {{"{column}": "{value}"}}}}]}}}}"#
            )
        };
        for (reference, candidate) in [
            (one.to_owned(), "{}".to_owned()),
            (update("token", "s3cret-1"), update("token", "s3cret-2")),
            (update("pointed", "s3cret-1"), update("pointed", "s3cret-2")),
            (update("pointed", "s3cret-1"), "{}".to_owned()),
        ] {
            let sides = [reference, candidate].map(|rows| observation(&[], "", Some(&rows)));
            written(&sides[0], &sides[1]);
        }
    }

    #[test]
    fn no_secret_is_in_a_difference_between_cache_entries() {
        let none = observation(&[], "", None);
        for (path, value) in [
            ("cache[\"session:7\"]", "\"s3cret-1\""),
            ("cache[\"k\"]", "{\"token\": \"s3cret-1\"}"),
            ("cache[\"k\"]", r#""{\"token\": \"s3cret-1\"}""#),
        ] {
            let found = Divergence {
                place: Place::Effects,
                path: path.into(),
                kind: Kind::Value,
                reference: Some(value.into()),
                candidate: Some(value.replace("-1", "-2")),
                rule: None,
            };
            let written = Redactor::new(*b"key").divergence(&found, &none, &none);
            for side in [&written.reference, &written.candidate] {
                let shown = side.as_deref().expect("both have it");
                assert!(
                    shown.contains("redacted:") && !shown.contains("s3cret"),
                    "{shown}"
                );
            }
            assert_ne!(written.reference, written.candidate);
        }
    }

    #[test]
    fn tokens_are_those_of_the_exchange() {
        let sides = ["1", "2"].map(|which| {
            let body = format!(r#"{{"a": [{{"proof": "s3cret-{which}"}}]}}"#);
            observation(&[JSON, ("X-Whatever", "same")], &body, None)
        });
        let shown = written(&sides[0], &sides[1]);
        for (side, shown) in sides.iter().zip(shown) {
            let exchange = Redactor::new(*b"key").response(&side.response);
            let body = String::from_utf8(exchange.body.to_vec()).expect("text");
            let shown = shown.expect("both have it");
            assert!(
                shown.starts_with("\"redacted:") && body.contains(&shown),
                "{shown} in {body}"
            );
        }
    }

    #[test]
    fn what_has_no_secret_is_shown_as_it_was_found() {
        for (reference, candidate) in [
            (
                r#"{"a": "1.10", "token": "s3cret"}"#,
                r#"{"a": "1.1", "token": "s3cret"}"#,
            ),
            (r#"{"a": [1, 2]}"#, r#"{"a": [2, 1]}"#),
            (r#"{"a": 1, "b": 2}"#, r#"{"b": 2, "a": 1}"#),
            (r#"{"a":1}"#, r#"{"a": 1}"#),
            ("{", "}"),
        ] {
            let sides = [reference, candidate].map(|body| observation(&[JSON], body, None));
            for found in compared(&sides[0], &sides[1]).diverged {
                let written = Redactor::new(*b"key").divergence(&found, &sides[0], &sides[1]);
                assert_eq!(written, found);
            }
        }
    }
}
