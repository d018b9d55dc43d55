use super::*;
use crate::{
    domain::testing::{ADDRESS, at, json},
    python::json::dumps,
};

fn stored(evidence: &str, stamps: &str) -> Result<String, MalformedScore> {
    let columns = ScoreColumns {
        score: Some("1.000000000".to_owned()),
        last_score_timestamp: Some(at("2025-12-31T10:11:12.131415Z")),
        status: Some("DONE".to_owned()),
        evidence: json(evidence),
        stamps: json(stamps),
        expiration_date: Some(at("2029-01-01T00:00:00Z")),
        ..ScoreColumns::processing()
    };
    let object = ScoreObject::from_columns(ADDRESS, &columns)?;
    Ok(format!(
        "{} {} {}",
        object.score, object.threshold, object.passing_score
    ))
}

#[test]
fn evidence_may_be_absent_null_text_or_number() {
    for (evidence, expected) in [
        ("null", "0.00000 20.00000 false"),
        ("{}", "0.00000 20.00000 false"),
        ("[]", "0.00000 20.00000 false"),
        (
            r#"{"rawScore": null, "threshold": null}"#,
            "0.00000 0.00000 true",
        ),
        (
            r#"{"rawScore": "2.000005", "threshold": "2.000015"}"#,
            "2.00000 2.00002 false",
        ),
        (
            r#"{"rawScore": 0.1, "threshold": 0.1}"#,
            "0.10000 0.10000 true",
        ),
    ] {
        assert_eq!(
            stored(evidence, "{}"),
            Ok(expected.to_owned()),
            "{evidence}"
        );
    }
}

#[test]
fn columns_nobody_should_have_written_are_an_exception() {
    for (evidence, stamps) in [
        (r#"{"rawScore": "abc"}"#, "{}"),
        (r#"{"rawScore": "NaN"}"#, "{}"),
        ("[1]", "{}"),
        ("{}", r#"{"X": {"score": 1}}"#),
        (
            "{}",
            r#"{"X": {"score": "1", "dedup": 2, "expiration_date": null}}"#,
        ),
        ("{}", "[1]"),
    ] {
        assert!(stored(evidence, stamps).is_err(), "{evidence} {stamps}");
    }
}

#[test]
fn the_keys_come_in_wire_order() {
    let columns = ScoreColumns {
        last_score_timestamp: Some(at("2025-12-31T10:11:12.131415Z")),
        stamps: json(r#"{"A": {"dedup": 1, "score": "0.00000", "expiration_date": null}}"#),
        ..ScoreColumns::processing()
    };
    let object = ScoreObject::from_columns(ADDRESS, &columns).unwrap();
    let expected = format!(
        r#"{{"address": "{ADDRESS}", "score": "0.00000", "passing_score": false, "last_score_timestamp": "2025-12-31T10:11:12.131415+00:00", "expiration_timestamp": null, "threshold": "20.00000", "error": null, "stamps": {{"A": {{"score": "0.00000", "dedup": true, "expiration_date": null}}}}, "points_data": null, "possible_points_data": null}}"#
    );
    assert_eq!(dumps(&object.to_value()), expected);
}
