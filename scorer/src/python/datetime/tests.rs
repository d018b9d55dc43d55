use super::*;

fn parsed(text: &str) -> String {
    match DateTime::fromisoformat(text) {
        Ok(datetime) => datetime.isoformat(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_forms_of_the_specification() {
    for (text, expected) in [
        ("2036-01-01T00:00:00Z", "2036-01-01T00:00:00+00:00"),
        (
            "2036-01-01T00:00:00.123Z",
            "2036-01-01T00:00:00.123000+00:00",
        ),
        (
            "20360101T000000,1234567Z",
            "2036-01-01T00:00:00.123456+00:00",
        ),
        ("2036-01-01 12 +01:30", "2036-01-01T12:00:00+01:30"),
        ("2036-W01-2T10", "2036-01-01T10:00:00"),
        ("2036W012", "2036-01-01T00:00:00"),
        ("2036-01-01é10:20", "2036-01-01T10:20:00"),
        (
            "2036-01-01T10:20:30-00:00:30",
            "2036-01-01T10:20:30-00:00:30",
        ),
        ("2036-01-01T10:20:Z", "2036-01-01T10:20:00+00:00"),
        ("2036-01-01T10:20:30.Z", "2036-01-01T10:20:30+00:00"),
        ("2036-01-01T", "Invalid isoformat string: '2036-01-01T'"),
        ("0000-W01-1", "month must be in 1..12"),
        (
            "2036-01-01T00:00:00z",
            "Invalid isoformat string: '2036-01-01T00:00:00z'",
        ),
        ("it's", "Invalid isoformat string: \"it's\""),
        ("2036-13-01", "month must be in 1..12"),
        ("2035-02-29", "day is out of range for month"),
        ("0000-01-01", "year 0 is out of range"),
        ("2036-01-01T24:00", "hour must be in 0..23"),
        ("2036-01-01T23:60", "minute must be in 0..59"),
        ("2036-01-01T23:59:60", "second must be in 0..59"),
        (
            "2036-01-01T00:00+24:00",
            "offset must be a timedelta strictly between -timedelta(hours=24) and \
             timedelta(hours=24), not datetime.timedelta(days=1).",
        ),
    ] {
        assert_eq!(parsed(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_text_is_a_type_error() {
    assert_eq!(
        DateTime::from_value(&Value::None).unwrap_err().to_string(),
        "fromisoformat: argument must be str"
    );
}

#[test]
fn milliseconds_are_cut_off_and_utc_is_z() {
    for (text, expected) in [
        (
            "2036-01-01T00:00:00.000123+00:00",
            "2036-01-01T00:00:00.000Z",
        ),
        (
            "2036-01-01T00:00:00.999999+02:00",
            "2036-01-01T00:00:00.999+02:00",
        ),
        ("2036-01-01T00:00:00+00:00", "2036-01-01T00:00:00Z"),
    ] {
        assert_eq!(
            DateTime::fromisoformat(text).unwrap().iso_millis(),
            expected
        );
    }
}

#[test]
fn order_is_by_instant_and_needs_two_of_a_kind() {
    let at = |text| DateTime::fromisoformat(text).unwrap();
    assert_eq!(
        at("2036-01-01T01:00:00+01:00").compare(&at("2036-01-01T00:00:00Z")),
        Ok(Ordering::Equal)
    );
    assert_eq!(
        at("2036-01-01").compare(&at("2036-01-01T00:00:00Z")),
        Err(DateTimeError::NaiveAndAware)
    );
}

#[test]
fn a_date_before_year_one_is_stored_but_not_read() {
    let early = DateTime::fromisoformat("0001-01-01T00:00:00+14:00").unwrap();
    assert_eq!(early.to_utc(), Err(DateTimeError::Overflow));
    assert_eq!(
        DateTime::from_utc(early.instant()).unwrap_err().to_string(),
        "year -1 is out of range"
    );
}

#[test]
fn date_columns_are_lenient() {
    let stored = |text: &str| {
        parse_model_datetime(&Value::from(text)).map(|date| date.map(|date| date.to_rfc3339()))
    };
    for (text, expected) in [
        ("2024-1-2", "2024-01-02T00:00:00+00:00"),
        ("2024-1-2 3:4", "2024-01-02T03:04:00+00:00"),
        (
            "2024-1-2T3:4:5.1234567Z",
            "2024-01-02T03:04:05.123456+00:00",
        ),
        ("2024-01-02T03:04:05 +0100\n", "2024-01-02T02:04:05+00:00"),
        ("2024-01-02T03:04:05+01", "2024-01-02T02:04:05+00:00"),
        ("20240102T3", "2024-01-02T00:00:00+00:00"),
        ("٢٠٢٤-1-2", "2024-01-02T00:00:00+00:00"),
    ] {
        assert_eq!(stored(text), Ok(Some(expected.to_owned())), "{text}");
    }
    for text in [
        "",
        "2024-01-02t03:04:05z",
        "2024-01-02T24:00:00",
        "2024-02-30",
        "2024-01-02T00:00+16:00",
    ] {
        assert_eq!(stored(text), Err(InvalidModelDate), "{text}");
    }
    assert_eq!(parse_model_datetime(&Value::None), Ok(None));
    assert_eq!(parse_model_datetime(&Value::from(5)), Err(InvalidModelDate));
}
