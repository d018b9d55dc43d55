//! Alpha-renaming of numbers that the server makes up.
//!
//! Row 291 on one side may be row 295 on the other, because failed inserts use numbers up. What
//! must agree is what a number stands for: each object's two numbers are bound when they are first
//! seen, and compared by that binding ever after, in rows, answers and later requests.

use std::collections::HashMap;

use crate::{
    clocks::{Clocks, Span},
    exchange::Request,
    json::{self, Json, Value},
    path::Segment,
    rules::Rules,
};

/// Bindings of one scenario: which number of the candidate stands for which of the reference.
///
/// Keep one for all steps of a scenario when each side works on its own database. A candidate in
/// dry-run writes nothing and reads the reference's rows: give each of its requests fresh bindings,
/// in which its placeholders (negative numbers) are bound to the reference's new rows.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    objects: HashMap<String, Pairs>,
    clocks: Clocks,
}

/// Numbers as JSON text, so that `1` and `"1"` are different names.
#[derive(Debug, Clone, Default)]
struct Pairs {
    candidate_of: HashMap<String, String>,
    reference_of: HashMap<String, String>,
}

/// What may be concluded when both numbers are seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// They belong to the same new object.
    First,
    /// They belong to objects that were there before, and so must be the same number.
    Known,
}

impl Bindings {
    /// Says what each side's clock can have shown during the step that is compared next. Times that
    /// both took from their clocks in the same step then agree, in this step and in later ones.
    pub fn clocks_showed(&mut self, reference: Span, candidate: Span) {
        self.clocks.push([reference, candidate]);
    }

    pub(crate) fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// Whether both numbers stand for the same object; binds them when that is news.
    pub(crate) fn agree(
        &mut self,
        object: &str,
        reference: &str,
        candidate: &str,
        sight: Sight,
    ) -> bool {
        if let Some(known) = self.check(object, reference, candidate) {
            return known;
        }
        if reference != candidate && sight == Sight::Known {
            return false;
        }
        let pairs = self.objects.entry(object.to_owned()).or_default();
        pairs
            .candidate_of
            .insert(reference.to_owned(), candidate.to_owned());
        pairs
            .reference_of
            .insert(candidate.to_owned(), reference.to_owned());
        true
    }

    /// Whether the bindings say that the numbers agree; `None` when neither is bound.
    fn check(&self, object: &str, reference: &str, candidate: &str) -> Option<bool> {
        let pairs = self.objects.get(object)?;
        match (
            pairs.candidate_of.get(reference),
            pairs.reference_of.get(candidate),
        ) {
            (None, None) => None,
            (bound, _) => Some(bound.is_some_and(|bound| bound == candidate)),
        }
    }

    /// The reference's number for a number of the candidate, where it is bound.
    pub(crate) fn reference_for(&self, object: &str, candidate: &str) -> Option<&str> {
        self.objects
            .get(object)?
            .reference_of
            .get(candidate)
            .map(String::as_str)
    }

    fn candidate_for(&self, object: &str, reference: &str) -> Option<&str> {
        self.objects
            .get(object)?
            .candidate_of
            .get(reference)
            .map(String::as_str)
    }

    /// The request as the candidate has to get it: numbers from earlier answers of the reference
    /// replaced by the candidate's own, at the places the rules name.
    pub fn translate(&self, rules: &Rules, route: &str, request: &Request) -> Request {
        let mut translated = request.clone();
        if self.objects.is_empty() {
            return translated;
        }
        if rules.identities().reach("target") {
            translated.target = self.target(rules, route, &request.target);
        }
        if rules.identities().reach("request")
            && let Ok(body) = json::parse(&request.body)
        {
            let renamed = self.rename(rules, &mut Vec::new(), &body);
            if renamed != body {
                translated.body = renamed.to_text().into();
                let length = translated.body.len().to_string();
                for (name, value) in &mut translated.headers.0 {
                    if name.eq_ignore_ascii_case("content-length") {
                        *value = length.clone().into_bytes();
                    }
                }
            }
        }
        translated
    }

    fn target(&self, rules: &Rules, route: &str, target: &str) -> String {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let rename = |name: &str, value: &str| -> String {
            rules
                .identities()
                .below("target")
                .at(&[Segment::Key(name)])
                .and_then(|(object, _)| self.candidate_for(object, value))
                .unwrap_or(value)
                .to_owned()
        };
        let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        for name in rules.identities().target_parameters() {
            if let Some(at) = rules.routes().parameter(route, name)
                // The path starts with `/`, so that its first piece is empty.
                && let Some(segment) = segments.get_mut(at + 1)
            {
                *segment = rename(name, segment);
            }
        }
        let mut renamed = segments.join("/");
        if let Some(query) = query {
            renamed.push('?');
            let pairs: Vec<String> = query
                .split('&')
                .map(|pair| match pair.split_once('=') {
                    Some((name, value)) => format!("{name}={}", rename(name, value)),
                    None => pair.to_owned(),
                })
                .collect();
            renamed.push_str(&pairs.join("&"));
        }
        renamed
    }

    fn rename<'v>(&self, rules: &Rules, path: &mut Vec<Segment<'v>>, value: &'v Value<'v>) -> Json {
        if let Value::Number(text) = value
            && let Some((object, _)) = rules.identities().below("request").at(path)
            && let Some(bound) = self.candidate_for(object, text)
        {
            return Value::<'static>::number(bound);
        }
        value.map_children(path, &mut |path, child| self.rename(rules, path, child))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::exchange::Headers;

    #[test]
    fn a_number_is_bound_once_and_for_all() {
        let mut bindings = Bindings::default();
        assert!(bindings.agree("row", "291", "295", Sight::First));
        assert!(bindings.agree("row", "291", "295", Sight::Known));
        assert!(!bindings.agree("row", "291", "296", Sight::First));
        assert!(
            !bindings.agree("row", "292", "295", Sight::First),
            "295 is taken"
        );
        assert!(
            bindings.agree("other", "291", "1", Sight::First),
            "other objects count apart"
        );
    }

    #[test]
    fn what_was_there_before_has_the_same_number() {
        let mut bindings = Bindings::default();
        assert!(bindings.agree("row", "7", "7", Sight::Known));
        assert!(!bindings.agree("row", "8", "9", Sight::Known));
        assert!(!bindings.agree("row", "7", "9", Sight::First), "7 is 7");
    }

    #[test]
    fn a_later_request_uses_the_candidates_own_numbers() {
        let rules = Rules::load(
            r#"
            version = 1
            [[route]]
            name = "row"
            method = "POST"
            path = "/rows/{row_id:int}"
            [[identity]]
            table = "row"
            places = ["target.row_id", "target.also", "request[*].id"]
            "#,
        )
        .expect("valid");
        let mut bindings = Bindings::default();
        assert!(bindings.agree("row", "291", "-1", Sight::First));
        let request = Request {
            method: "POST".into(),
            target: "/rows/291?also=291&not=291".into(),
            headers: Headers(vec![("Content-Length".into(), b"31".to_vec())]),
            body: Bytes::from_static(br#"[{"id":  291, "n": 291}, {"id": 3}]"#),
        };
        let translated = bindings.translate(&rules, "row", &request);
        assert_eq!(translated.target, "/rows/-1?also=-1&not=291");
        assert_eq!(
            &translated.body[..],
            br#"[{"id": -1, "n": 291}, {"id": 3}]"#
        );
        assert_eq!(
            translated.headers.get("content-length"),
            Some(translated.body.len().to_string().as_bytes())
        );
    }
}
