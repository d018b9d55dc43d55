//! A score of the past, read from its event (domain E.8).

use std::cmp::Ordering;

use super::score_object::{MalformedScore, ScoreObject, stored_stamps};
use crate::python::{Value, decimal::Decimal};

/// The score that the data of an `SCU` event tells about.
///
/// # Errors
/// An event without a usable score: an exception.
pub fn score_of_event(address: &str, data: &Value) -> Result<ScoreObject, MalformedScore> {
    let fields = data.get("fields").unwrap_or(data);
    let field = |key| fields.get(key).unwrap_or(&Value::None);
    let evidence = field("evidence");
    let score = Decimal::from_value(evidence.get("rawScore").unwrap_or(field("score")))?;
    let threshold = match evidence.get("threshold") {
        Some(threshold) => Decimal::from_value(threshold)?,
        None => Decimal::zero(),
    };
    let text = |key| match field(key) {
        Value::None => Ok(None),
        Value::Str(text) => Ok(Some(text.to_string_lossy().into_owned())),
        _ => Err(MalformedScore::Evidence),
    };
    let stamps = match field("stamps") {
        Value::None => Value::None,
        stamps => stored_stamps(stamps)?,
    };
    Ok(ScoreObject {
        address: address.to_owned(),
        score: score.format_fixed(5)?,
        passing_score: score.compare(&threshold)? != Ordering::Less,
        last_score_timestamp: text("last_score_timestamp")?,
        expiration_timestamp: text("expiration_date")?,
        threshold: threshold.format_fixed(5)?,
        error: text("error")?,
        stamps,
        points: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::json;

    #[test]
    fn an_event_without_evidence_falls_back_to_its_score_and_threshold_zero() {
        let data = json(
            r#"{"score": "7.5", "stamps": {}, "evidence": null, "last_score_timestamp": "2025-12-01T00:00:00"}"#,
        );
        let score = score_of_event("0xA", &data).unwrap();
        assert_eq!(
            (
                score.score.as_str(),
                score.threshold.as_str(),
                score.passing_score
            ),
            ("7.50000", "0.00000", true)
        );
        assert_eq!(
            score.last_score_timestamp.as_deref(),
            Some("2025-12-01T00:00:00")
        );
    }

    #[test]
    fn an_event_without_stamps_shows_null() {
        let data = json(
            r#"{"fields": {"evidence": {"rawScore": "9", "threshold": "3"}, "stamps": null, "error": "late error"}}"#,
        );
        let score = score_of_event("0xA", &data).unwrap();
        assert_eq!(
            (score.stamps, score.error.as_deref()),
            (Value::None, Some("late error"))
        );
    }

    #[test]
    fn an_event_with_a_null_score_is_an_exception() {
        assert!(score_of_event("0xA", &json(r#"{"error": "x", "score": null}"#)).is_err());
    }
}
