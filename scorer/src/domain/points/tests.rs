use super::*;
use crate::{
    domain::testing::{LATER, cached_with, json, stamp_json, valid},
    python::json::dumps,
};

fn row_of(action: &str, chain_id: i32) -> PointsRow {
    PointsRow {
        chain_id,
        ..row(action)
    }
}

fn config(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs
        .iter()
        .map(|(action, points)| ((*action).to_owned(), *points))
        .collect()
}

const MTA: HumanPointsRules = HumanPointsRules {
    enabled: true,
    start_timestamp: 0,
    mta_enabled: true,
};

fn awarded(state: &mut PointsState, stamps: &[(&str, &[&str])]) -> (Award, Result<(), String>) {
    let rows: Vec<_> = stamps
        .iter()
        .map(|(provider, nullifiers)| {
            cached_with(1, provider, &stamp_json(provider, nullifiers, LATER))
        })
        .collect();
    let stamps: Vec<_> = rows.iter().map(valid).collect();
    let mut given = Award::default();
    let result = award(state, &mut given, &stamps, &MTA).map_err(|error| error.to_string());
    (given, result)
}

fn summary(award: &Award) -> Vec<String> {
    award
        .rows
        .iter()
        .map(|row| format!("{}/{}/{}", row.action, row.provider, row.tx_hash))
        .collect()
}

#[test]
fn a_stamp_earns_a_human_key_and_the_action_of_its_column() {
    let (award, _) = awarded(
        &mut PointsState::default(),
        &[("SelfStakingGold", &["v0:a", "v1:b", ""])],
    );
    assert!(award.qualifies);
    assert_eq!(summary(&award), ["HKY/SelfStakingGold/v1:b", "ISG//"]);
}

#[test]
fn a_rotated_nullifier_earns_no_second_key() {
    let known = PointsRow {
        provider: "Google".into(),
        tx_hash: "v0:old".into(),
        ..row("HKY")
    };
    let mut state = PointsState {
        rows: vec![known],
        qualified_here: true,
        ..Default::default()
    };
    let (award, _) = awarded(&mut state, &[("Google", &["v0:new"])]);
    assert_eq!(award, Award::default());
}

#[test]
fn four_communities_earn_the_bonus_once() {
    let mut state = PointsState {
        qualified_rows: 3,
        ..Default::default()
    };
    let (award, _) = awarded(&mut state, &[]);
    assert_eq!(summary(&award), ["SCB//"]);
    let (award, _) = awarded(&mut state, &[]);
    assert_eq!(summary(&award), Vec::<String>::new());
}

#[test]
fn two_bonus_rows_fail_after_the_stamp_actions_were_saved() {
    let rows = vec![row("SCB"), row_of("SCB", 1)];
    let mut state = PointsState {
        qualified_rows: 4,
        rows,
        ..Default::default()
    };
    let (award, result) = awarded(&mut state, &[("Biometrics", &[])]);
    let text = "get() returned more than one HumanPoints -- it returned 2!";
    assert_eq!(result, Err(text.to_owned()));
    assert_eq!(summary(&award), ["HBI//"]);
    assert!(award.qualifies);
}

#[test]
fn lists_earn_points_and_the_metamask_list_runs_out() {
    let memberships: Vec<String> = LISTS.iter().map(|list| (*list).to_owned()).collect();
    let mut state = PointsState {
        memberships,
        mm2_rows: 4999,
        ..Default::default()
    };
    let (award, _) = awarded(&mut state.clone(), &[]);
    assert_eq!(summary(&award), ["MM2//", "SOG//", "TCO//"]);
    state.mm2_rows = 5000;
    let (award, _) = awarded(&mut state, &[]);
    assert_eq!(summary(&award), ["SOG//", "TCO//"]);
}

#[test]
fn a_text_too_long_refuses_all_rows_but_keeps_the_qualification() {
    let long = "v1:".to_owned() + &"x".repeat(98);
    let (award, result) = awarded(&mut PointsState::default(), &[("Biometrics", &[&long])]);
    assert_eq!(
        result,
        Err("value too long for type character varying(100)\n".to_owned())
    );
    assert_eq!(
        award,
        Award {
            qualifies: true,
            rows: vec![]
        }
    );
}

#[test]
fn blanks_beyond_a_column_are_cut_off() {
    let stored = "v1:".to_owned() + &"x".repeat(97);
    let long = stored.clone() + "  ";
    let (award, _) = awarded(&mut PointsState::default(), &[("Google", &[&long])]);
    assert_eq!(award.rows[0].tx_hash, stored);
}

#[test]
fn points_are_grouped_by_action_and_chain_without_the_multiplier() {
    let state = PointsState {
        qualified_rows: 1,
        rows: vec![
            row_of("PMT", 1),
            row_of("PMT", 1),
            row_of("PMT", 10),
            row_of("PMT", 0),
            row("HKY"),
            row("HKY"),
            row_of("HIM", 10),
            row("MTA"),
        ],
        config: config(&[("HKY", 100), ("PMT", 300), ("HIM", 1000)]),
        multiplier: Some(3),
        ..Default::default()
    };
    let data = read(&state);
    let earned = r#"{"total_points": 1400, "is_eligible": true, "multiplier": 3, "breakdown": {"HKY": 200, "PMT": 1200, "PMT_1": 600, "PMT_10": 300}}"#;
    assert_eq!(data.earned, json(earned));
    let possible = r#"{"total_points": 0, "is_eligible": false, "multiplier": 3, "breakdown": {"HKY": 100, "PMT": 300, "HIM": 1000}}"#;
    assert_eq!(dumps(&data.possible), possible);
}

#[test]
fn without_counted_rows_the_multiplier_is_one() {
    let state = PointsState {
        rows: vec![row("HIM"), row("MTA")],
        config: config(&[("HIM", 1000)]),
        multiplier: Some(3),
        ..Default::default()
    };
    let expected = r#"{"total_points": 0, "is_eligible": false, "multiplier": 1, "breakdown": {}}"#;
    assert_eq!(dumps(&read(&state).earned), expected);
}
