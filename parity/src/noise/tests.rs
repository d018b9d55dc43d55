use super::*;
use crate::{
    outcome::Outcome,
    rules::{Rules, RulesError},
};

fn at(place: Place, path: &str, kind: Kind, reference: &str, candidate: &str) -> Divergence {
    Divergence {
        place,
        path: path.into(),
        kind,
        reference: Some(reference.into()),
        candidate: Some(candidate.into()),
        rule: None,
    }
}

fn body(path: &str, reference: &str, candidate: &str) -> Divergence {
    at(Place::Body, path, Kind::Value, reference, candidate)
}

/// A model that saw these differences in one pair each, among 100 pairs.
fn learnt(differences: Vec<Divergence>) -> NoiseModel {
    let mut model = NoiseModel::default();
    let clean = 100 - differences.len();
    for difference in differences {
        model.observe(
            "score",
            &Comparison {
                outcome: Outcome::Diverged,
                diverged: vec![difference],
                tolerated: Vec::new(),
            },
        );
    }
    for _ in 0..clean {
        model.observe(
            "score",
            &Comparison {
                outcome: Outcome::Match,
                diverged: Vec::new(),
                tolerated: Vec::new(),
            },
        );
    }
    model
}

fn proposed(differences: Vec<Divergence>) -> Proposals {
    let run = ProposalsFor {
        source: "staging".into(),
        today: "2026-01-15".parse().expect("a day"),
    };
    learnt(differences).propose(&run)
}

fn equivalence(differences: Vec<Divergence>) -> Option<Equivalence> {
    proposed(differences)
        .rules
        .into_iter()
        .next()
        .map(|rule| rule.equivalence)
}

fn uuid(i: u32) -> String {
    format!("\"9b2f0c1e-8a4d-4a53-9f0e-{i:012}\"")
}

fn uuids() -> Vec<Divergence> {
    (0..5)
        .map(|i| {
            body(
                &format!("$.items[{i}].token"),
                &uuid(2 * i),
                &uuid(2 * i + 1),
            )
        })
        .collect()
}

fn instants(seconds: u32) -> Vec<Divergence> {
    (0..4)
        .map(|i| {
            body(
                "$.at",
                &format!("\"2026-01-15T12:0{i}:00.000001+00:00\""),
                &format!("\"2026-01-15T12:0{i}:{seconds:02}.000001+00:00\""),
            )
        })
        .collect()
}

#[test]
fn proposes_the_narrowest_rule_that_explains_every_difference() {
    assert_eq!(
        equivalence(instants(1)),
        Some(Equivalence::TimeWindow { seconds: 1 })
    );
    assert_eq!(
        equivalence(instants(4)),
        Some(Equivalence::TimeWindow { seconds: 5 })
    );
    assert_eq!(
        equivalence(uuids()),
        Some(Equivalence::Opaque {
            format: Format::Uuid,
            length: Some(36)
        })
    );
    let digits = (0..3).map(|i| {
        body(
            "$.raw",
            &format!("\"17.5800000000000000943689570{i}\""),
            "\"17.58000000000000009436895712\"",
        )
    });
    assert_eq!(
        equivalence(digits.collect()),
        Some(Equivalence::SignificantDigits { digits: 26 })
    );
    let orders = || vec![at(Place::Body, "$.list", Kind::Order, "[0, 1]", "[1, 0]"); 3];
    assert_eq!(equivalence(orders()), Some(Equivalence::Unordered));
    let keys = vec![at(Place::Body, "$", Kind::Order, "a, b", "b, a"); 3];
    assert_eq!(equivalence(keys), Some(Equivalence::UnorderedKeys));
    let allow = vec![
        at(
            Place::Header,
            "allow",
            Kind::Value,
            "GET, POST",
            "POST, GET"
        );
        3
    ];
    assert_eq!(equivalence(allow), Some(Equivalence::HeaderSet));
}

#[test]
fn evidence_says_how_often_among_how_many() {
    let proposals = proposed(uuids());
    let rule = &proposals.rules[0];
    assert_eq!(rule.paths, ["$.items[*].token"]);
    assert_eq!((rule.evidence.n, rule.evidence.rate), (100, 0.05));
    let [low, high] = rule.evidence.interval;
    assert!(
        0.0 < low && low < 0.05 && 0.05 < high && high < 0.3,
        "{low} {high}"
    );
    assert_eq!(
        proposals.shapes[0].iter().collect::<Vec<_>>(),
        ["0a0a0a0a-0a0a-0a00-0a0a-000000000000"]
    );
}

#[test]
fn one_difference_that_the_rule_does_not_explain_withdraws_it() {
    for odd in [
        body("$.items[9].token", &uuid(90), "\"\""),
        body(
            "$.items[9].token",
            &uuid(90),
            "\"not a uuid at all, but long\"",
        ),
        at(
            Place::Body,
            "$.items[9].token",
            Kind::Null,
            &uuid(90),
            "null",
        ),
        at(
            Place::Body,
            "$.items[9].token",
            Kind::Missing,
            &uuid(90),
            "",
        ),
        at(Place::Body, "$.items[9].token", Kind::Type, &uuid(90), "7"),
    ] {
        let mut differences = uuids();
        differences.push(odd.clone());
        let first = std::iter::once(odd).chain(uuids()).collect();
        for order in [differences, first] {
            let proposals = proposed(order);
            assert!(proposals.rules.is_empty(), "{:?}", proposals.rules);
            assert_eq!(proposals.unexplained.len(), 1);
        }
    }
}

#[test]
fn states_counts_and_names_are_never_opaque() {
    for values in [
        ["\"PROCESSING\"", "\"DONE\""],
        ["17", "18"],
        ["\"1.10000\"", "\"1.20000\""],
        ["true", "false"],
    ] {
        let differences = vec![body("$.status", values[0], values[1]); 5];
        assert_eq!(equivalence(differences), None, "{values:?}");
    }
    let repeated = vec![body("$.token", &uuid(1), &uuid(2)); 5];
    assert_eq!(
        equivalence(repeated),
        None,
        "a random value does not come twice"
    );
}

#[test]
fn too_few_differences_are_reported_not_proposed() {
    let proposals = proposed(uuids().into_iter().take(2).collect());
    assert!(proposals.rules.is_empty());
    assert_eq!(proposals.unexplained[0].path, "$.items[*].token");
}

#[test]
fn a_different_status_is_never_explained() {
    let differences = vec![at(Place::Status, "", Kind::Value, "200", "500"); 5];
    assert_eq!(equivalence(differences), None);
}

#[test]
fn a_proposal_is_no_rule_until_somebody_signs_it() {
    let text = proposed([uuids(), instants(3)].concat())
        .to_toml()
        .expect("toml");
    assert!(
        text.contains("# seen: 0000-00-00A00:00:00.000000+00:00"),
        "{text}"
    );
    assert!(
        !text.contains("9b2f0c1e"),
        "values stay out of the file:\n{text}"
    );
    let refused = Rules::load(&text).expect_err("unsigned");
    assert!(
        matches!(&refused, RulesError::Invalid { message, .. } if message.contains("is empty")),
        "{refused}"
    );
    let signed = text
        .replace("reason = \"\"", "reason = \"random by design\"")
        .replace("author = \"\"", "author = \"someone\"");
    assert_eq!(Rules::load(&signed).expect("signed").rules().len(), 2);
}

/// What was learnt must not cover a fault: every proposal is checked against faulty values.
#[test]
fn learnt_rules_never_cover_a_seeded_fault() {
    let faults = [
        (
            uuids(),
            vec![
                "\"\"",
                "null",
                "\"9B2F0C1E-8A4D-4A53-9F0E-000000000001\"",
                "\"9b2f0c1e8a4d4a539f0e000000000001\"",
                "1",
            ],
        ),
        (
            instants(1),
            vec![
                "\"2026-01-15T12:00:02.000002+00:00\"",
                "\"2026-01-15T12:00:00Z\"",
                "\"2026-01-15T13:00:00.000001+01:00\"",
                "\"2026-01-16T12:00:00.000001+00:00\"",
                "null",
            ],
        ),
    ];
    for (noise, faulty) in faults {
        let reference = unquoted(noise[0].reference.as_deref().expect("a value"));
        let learnt = equivalence(noise).expect("a proposal");
        for fault in faulty {
            assert_ne!(
                learnt.allows(&reference, &unquoted(fault)),
                Some(true),
                "{learnt:?} covers {fault}"
            );
        }
    }
}

#[test]
fn indices_are_wild_and_keys_are_kept() {
    assert_eq!(wild("$.a[12].b[0]"), "$.a[*].b[*]");
    assert_eq!(wild(r#"$["a[1]"].x"#), r#"$["a[1]"].x"#);
    assert_eq!(
        wild("t.inserted[3].evidence.rawScore"),
        "t.inserted[*].evidence.rawScore"
    );
}
