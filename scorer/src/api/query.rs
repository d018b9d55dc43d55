//! Query strings (contract §1.9).

use super::{error::Failure, request::percent_decode};

/// Fields at most; the Python service refuses to parse more.
const MAXIMUM_FIELDS: usize = 1_000;

/// Decoded fields in the order sent, repeated names included.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// More than 1000 fields: HTML-400.
    pub(crate) fn parse(raw: &str) -> Result<Self, Failure> {
        if raw.split('&').count() > MAXIMUM_FIELDS {
            return Err(Failure::HtmlBadRequest);
        }
        let fields = raw.split('&').filter(|field| !field.is_empty());
        Ok(Self(fields.map(decode_field).collect()))
    }

    /// The last value of a field.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Names in order of first appearance, each with all its values.
    pub(crate) fn grouped(&self) -> Vec<(&str, Vec<&str>)> {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, value) in &self.0 {
            match groups.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value),
                None => groups.push((name, vec![value])),
            }
        }
        groups
    }
}

fn decode_field(field: &str) -> (String, String) {
    let (name, value) = field.split_once('=').unwrap_or((field, ""));
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    (decode(name), decode(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_wins_and_plus_is_a_space() {
        let query = Query::parse("a=1&b&a=+2%26&&A=3;c=4").unwrap();
        assert_eq!(query.last("a"), Some(" 2&"));
        assert_eq!(query.last("b"), Some(""));
        assert_eq!(query.last("c"), None);
        assert_eq!(
            query.grouped(),
            [
                ("a", vec!["1", " 2&"]),
                ("b", vec![""]),
                ("A", vec!["3;c=4"])
            ]
        );
    }

    #[test]
    fn a_thousand_fields_are_the_limit() {
        assert!(Query::parse(&"&".repeat(999)).is_ok());
        assert!(Query::parse(&"&".repeat(1_000)).is_err());
    }
}
