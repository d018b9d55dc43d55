//! Times that each side took from its own clock.

use super::*;
use crate::clocks::Span;

fn span(from: &str, to: &str) -> Span {
    let time = |text: &str| text.parse().expect("a time");
    Span {
        from: time(from),
        to: time(to),
    }
}

/// Two steps of a scenario, a second apart; the candidate runs half a second behind.
fn told() -> Bindings {
    let mut bindings = Bindings::default();
    bindings.clocks_showed(
        span("2026-02-01T00:00:01Z", "2026-02-01T00:00:01.2Z"),
        span("2026-02-01T00:00:01.5Z", "2026-02-01T00:00:01.7Z"),
    );
    bindings
}

fn at(side: &str) -> (&'static str, &'static str) {
    match side {
        "reference" => ("2026-02-01T00:00:01.111111Z", "2026-02-01T00:00:01.111Z"),
        _ => ("2026-02-01T00:00:01.666666Z", "2026-02-01T00:00:01.666Z"),
    }
}

fn answered(side: &str) -> Observation {
    let (micros, millis) = at(side);
    observation(
        &[(
            "Set-Cookie",
            match side {
                "reference" => "csrf=aaaa; expires=Sun, 01 Feb 2026 01:00:01 GMT; Max-Age=3600",
                _ => "csrf=bbbb; expires=Sun, 01 Feb 2026 01:00:01 GMT; Max-Age=3600",
            },
        )],
        &format!(r#"{{"at": "{micros}", "text": "{{\"at\": \"{millis}\"}}"}}"#),
        &format!(
            r#"{{"log": {{"inserted": [{{"id": 1, "what": "x", "at": "{micros}"}}, {{"id": 2, "what": "y", "at": "{millis}"}}]}}}}"#
        ),
    )
}

#[test]
fn what_both_clocks_showed_is_tolerated_and_named() {
    let comparison = run(&mut told(), &answered("reference"), &answered("candidate"));
    let (diverged, tolerated) = found(&comparison);
    assert_eq!(diverged, Vec::<String>::new());
    assert_eq!(
        tolerated,
        [
            "Value set-cookie",
            "Value $.at",
            "Value $.text.(json).at",
            "Value log.inserted[0].at",
            "Value log.inserted[1].at",
        ]
    );
    assert!(
        comparison.tolerated[1..]
            .iter()
            .all(|found| found.rule.as_deref() == Some("exchange-clock"))
    );
    let strict = run(
        &mut Bindings::default(),
        &answered("reference"),
        &answered("candidate"),
    );
    assert_eq!(strict.diverged.len(), 4, "{:#?}", strict.diverged);
}

#[test]
fn a_time_off_the_clock_diverges_by_however_little() {
    let wrong = |from: &str, to: &str| {
        let mut candidate = answered("candidate");
        let body = String::from_utf8_lossy(&candidate.response.body).replace(from, to);
        candidate.response.body = Bytes::from(body);
        found(&run(&mut told(), &answered("reference"), &candidate)).0
    };
    assert_eq!(wrong("01.666666Z", "01.866666Z"), ["Value $.at"]);
    assert_eq!(wrong("01.666666Z", "01.666Z"), ["Value $.at"]);
    assert_eq!(wrong("01.666Z", "01.867Z"), ["Value $.text.(json).at"]);
}

#[test]
fn an_expiry_off_the_clock_diverges() {
    let mut candidate = answered("candidate");
    for (_, value) in &mut candidate.response.headers.0 {
        let text = String::from_utf8_lossy(value).replace("01:00:01", "01:00:03");
        *value = text.into_bytes();
    }
    let (diverged, _) = found(&run(&mut told(), &answered("reference"), &candidate));
    assert_eq!(diverged, ["RuleViolated set-cookie"]);
}

#[test]
fn a_later_step_may_mention_an_earlier_time_of_both_sides() {
    let mut bindings = told();
    bindings.clocks_showed(
        span("2026-02-01T00:00:02Z", "2026-02-01T00:00:02.2Z"),
        span("2026-02-01T00:00:02.5Z", "2026-02-01T00:00:02.7Z"),
    );
    let says = |time: &str| observation(&[], &format!(r#"{{"at": "{time}"}}"#), "{}");
    let ours = says(at("reference").0);
    let first = run(&mut bindings, &ours, &says(at("candidate").0));
    assert_eq!(first.outcome, Outcome::Tolerated);
    let other_step = run(&mut bindings, &ours, &says("2026-02-01T00:00:02.600000Z"));
    assert_eq!(other_step.outcome, Outcome::Diverged);
}
