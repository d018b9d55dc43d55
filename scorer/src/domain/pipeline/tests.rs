use super::*;
use crate::{
    domain::{
        dedup::LinkChange,
        plan::Identifiers,
        rules::HumanPointsRules,
        snapshot::{CachedStamp, Community, HashLink, PointsState, RegistryStamp, ScoreRow},
        testing::{ADDRESS, Believe, LATER, NOW, OTHER, at, cached_with, json, rules, stamp_json},
    },
    effects::{Cell, Change},
    python::json::dumps,
};

fn snapshot(weights: &str, threshold: &str, cached_stamps: Vec<CachedStamp>) -> Snapshot {
    Snapshot {
        community: Community {
            id: 5,
            account_id: 1,
            rule: "LIFO".into(),
            human_points_program: true,
        },
        scorer: Scorer::Weighted {
            weights: json(weights),
            threshold: threshold.into(),
        },
        customization: None,
        passport_id: None,
        score: None,
        cached_stamps,
        registry_stamps: Vec::new(),
        links: Vec::new(),
        points: None,
    }
}

fn stamp(id: i64, provider: &str) -> CachedStamp {
    cached_with(
        id,
        provider,
        &stamp_json(provider, &[&format!("v0:{provider}")], LATER),
    )
}

fn run(snapshot: &Snapshot, rules: &Rules) -> Simulation {
    let circumstances = Circumstances {
        rules,
        now: at(NOW),
        verifier: &Believe(true),
        show_points: true,
        contended: false,
    };
    score(snapshot, ADDRESS, &circumstances).unwrap()
}

fn tables(simulation: &Simulation) -> Vec<&'static str> {
    let ids = Identifiers::placeholders(&simulation.plan, 0);
    let table = |change| match change {
        Change::Inserted { table, .. }
        | Change::Updated { table, .. }
        | Change::Deleted { table, .. } => table,
    };
    simulation
        .plan
        .effects(&ids)
        .0
        .into_iter()
        .map(table)
        .collect()
}

#[test]
fn a_first_scoring_writes_every_row_it_needs() {
    let snapshot = snapshot(
        r#"{"A": "2.5"}"#,
        "2.50000",
        vec![stamp(1, "A"), stamp(2, "B")],
    );
    let simulation = run(&snapshot, &rules());
    let object = simulation.outcome.clone().unwrap();
    assert_eq!(
        (object.score.as_str(), object.passing_score),
        ("2.50000", true)
    );
    let expected = r#"{"A": {"score": "2.50000", "dedup": false, "expiration_date": "2030-01-01T00:00:00+00:00"}, "B": {"score": "0.00000", "dedup": false, "expiration_date": "2030-01-01T00:00:00+00:00"}}"#;
    assert_eq!(dumps(&object.stamps), expected);
    assert_eq!(
        tables(&simulation),
        [
            "registry_passport",
            "registry_score",
            "registry_hashscorerlink",
            "registry_hashscorerlink",
            "registry_stamp",
            "registry_stamp",
            "registry_event"
        ]
    );
}

#[test]
fn the_event_refers_to_rows_by_the_identifiers_given() {
    let simulation = run(&snapshot("{}", "2.50000", vec![]), &rules());
    let update = simulation.plan.score_event.unwrap();
    let expected = r#"{"model": "registry.score", "pk": -2, "fields": {"passport": -1, "score": "0", "last_score_timestamp": "2026-01-15T12:00:00.123Z", "status": "DONE", "error": null, "evidence": {"type": "ThresholdScoreCheck", "success": false, "rawScore": "0", "threshold": "2.50000"}, "stamp_scores": {}, "stamps": {}, "expiration_date": null}}"#;
    assert_eq!(update.data(-2, -1), json(expected));
}

#[test]
fn a_failure_wipes_the_score_and_keeps_the_stamps_of_before() {
    let mut snapshot = snapshot(
        "{}",
        "2.50000",
        vec![stamp(1, "A"), cached_with(2, "B", "{}")],
    );
    snapshot.passport_id = Some(3);
    snapshot.score = Some(ScoreRow {
        id: 4,
        version: String::new(),
        columns: ScoreColumns {
            score: Some("1.000000000".into()),
            ..ScoreColumns::processing()
        },
    });
    snapshot.registry_stamps = vec![RegistryStamp {
        id: 9,
        provider: "A".into(),
        credential: snapshot.cached_stamps[0].stamp.clone(),
    }];
    let simulation = run(&snapshot, &rules());
    let object = simulation.outcome.clone().unwrap();
    assert_eq!(object.error.as_deref(), Some("'expirationDate'"));
    assert_eq!(
        (object.threshold.as_str(), object.score.as_str()),
        ("20.00000", "0.00000")
    );
    assert_eq!(tables(&simulation), ["registry_score"]);
    assert_eq!(
        simulation.plan.outcome,
        Some(ScoreColumns::failed("'expirationDate'".into()))
    );
}

#[test]
fn unusable_weights_fail_after_links_and_stamps_were_written() {
    let simulation = run(&snapshot("null", "2.50000", vec![stamp(1, "A")]), &rules());
    let error = simulation.outcome.clone().unwrap().error;
    assert_eq!(
        error.as_deref(),
        Some("'NoneType' object has no attribute 'get'")
    );
    assert_eq!(
        tables(&simulation),
        [
            "registry_passport",
            "registry_score",
            "registry_hashscorerlink",
            "registry_stamp"
        ]
    );
}

#[test]
fn an_infinite_score_raises_and_leaves_the_row_processing() {
    for weight in ["\"Infinity\"", "\"1E+400\""] {
        let weights = format!("{{\"A\": {weight}}}");
        let simulation = run(
            &snapshot(&weights, "2.50000", vec![stamp(1, "A")]),
            &rules(),
        );
        assert_eq!(simulation.outcome, Err(Raised::InfiniteScore), "{weight}");
        assert_eq!(simulation.plan.outcome, None);
        let effects = simulation
            .plan
            .effects(&Identifiers::placeholders(&simulation.plan, 0));
        let Change::Inserted { row, .. } = &effects.0[1] else {
            panic!("the score is inserted")
        };
        assert!(row.contains(&("status", Cell::Text("PROCESSING".into()))));
    }
}

#[test]
fn an_unknown_scorer_raises_before_anything_is_written() {
    let snapshot = Snapshot {
        scorer: Scorer::NotScoreable,
        ..snapshot("{}", "1.00000", vec![])
    };
    let circumstances = Circumstances {
        rules: &rules(),
        now: at(NOW),
        verifier: &Believe(true),
        show_points: false,
        contended: false,
    };
    assert_eq!(
        score(&snapshot, ADDRESS, &circumstances).unwrap_err(),
        Raised::NotScoreable
    );
}

#[test]
fn a_clash_marks_the_column_of_the_same_name_and_shows_its_own_date() {
    let clash = stamp_json("Google", &["v0:taken"], "2027-05-01T00:00:00.500Z");
    let rows = vec![
        cached_with(1, "Google", &stamp_json("Twitter", &["v0:t"], LATER)),
        cached_with(2, "Ens", &clash),
    ];
    let mut snapshot = snapshot(r#"{"Google": 1, "Ens": 2}"#, "2.50000", rows);
    snapshot.links = vec![HashLink {
        id: 1,
        hash: "v0:taken".into(),
        address: OTHER.into(),
        expires_at: at(LATER),
    }];
    let object = run(&snapshot, &rules()).outcome.unwrap();
    let expected = r#"{"Google": {"score": "1.00000", "dedup": true, "expiration_date": "2027-05-01T00:00:00.500Z"}}"#;
    assert_eq!(dumps(&object.stamps), expected);
    assert_eq!(object.score, "1.00000");
}

#[test]
fn a_passing_score_is_awarded_and_shown_with_its_points() {
    let mut snapshot = snapshot(r#"{"A": 3}"#, "2.50000", vec![stamp(1, "A")]);
    snapshot.points = Some(PointsState {
        config: vec![("HKY".into(), 100)],
        ..Default::default()
    });
    let human_points = HumanPointsRules {
        enabled: true,
        start_timestamp: 0,
        mta_enabled: false,
    };
    let rules = Rules {
        human_points,
        ..rules()
    };
    let simulation = run(&snapshot, &rules);
    let points = simulation.outcome.clone().unwrap().points.unwrap();
    let expected =
        r#"{"total_points": 100, "is_eligible": true, "multiplier": 1, "breakdown": {"HKY": 100}}"#;
    assert_eq!(dumps(&points.earned), expected);
    assert!(tables(&simulation).contains(&"registry_humanpoints"));

    let late = HumanPointsRules {
        start_timestamp: at(NOW).timestamp() + 1,
        ..human_points
    };
    let simulation = run(
        &snapshot,
        &Rules {
            human_points: late,
            ..rules
        },
    );
    assert!(simulation.plan.award.rows.is_empty() && !simulation.plan.award.qualifies);
    assert!(
        simulation.outcome.unwrap().points.is_some(),
        "reading ignores the start"
    );
}

#[test]
fn when_others_won_every_round_no_link_is_written() {
    let snapshot = snapshot("{}", "2.50000", vec![stamp(1, "A")]);
    let circumstances = Circumstances {
        rules: &rules(),
        now: at(NOW),
        verifier: &Believe(true),
        show_points: false,
        contended: true,
    };
    let simulation = score(&snapshot, ADDRESS, &circumstances).unwrap();
    let error = simulation.outcome.unwrap().error;
    assert_eq!(error.as_deref(), Some("Failed to save HashScorerLinks"));
    assert_eq!(simulation.plan.links, Vec::<LinkChange>::new());
}
