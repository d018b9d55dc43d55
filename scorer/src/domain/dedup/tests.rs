use super::*;
use crate::domain::{
    snapshot::CachedStamp,
    testing::{ADDRESS, LATER, NOW, OTHER, at, cached_with, json, rules, stamp_json, valid},
};

const PAST: &str = "2025-01-01T00:00:00Z";

fn community(rule: &str) -> Community {
    Community {
        id: 1,
        account_id: 1,
        rule: rule.to_owned(),
        human_points_program: false,
    }
}

fn stamp(provider: &str, nullifiers: &[&str]) -> CachedStamp {
    cached_with(1, provider, &stamp_json(provider, nullifiers, LATER))
}

fn link(hash: &str, address: &str, expires: &str) -> HashLink {
    HashLink {
        id: 7,
        hash: hash.into(),
        address: address.into(),
        expires_at: at(expires),
    }
}

/// Kept providers, clashing names, and the links as `+hash:owner` and `~hash:owner`.
type Played = (Result<(Vec<String>, Vec<String>), String>, Vec<String>);

fn play(stamps: &[CachedStamp], links: &[HashLink], rules: &Rules) -> Played {
    let mut table = LinkTable::new(links);
    let stamps = stamps.iter().map(valid).collect();
    let result = deduplicate(
        stamps,
        &mut table,
        &community("LIFO"),
        ADDRESS,
        rules,
        at(NOW),
    );
    let owner = |claim: &Claim| {
        if claim.address == ADDRESS {
            "me"
        } else {
            "other"
        }
    };
    let changes = table
        .into_changes()
        .iter()
        .map(|change| match change {
            LinkChange::Created(claim) => format!("+{}:{}", claim.hash, owner(claim)),
            LinkChange::Updated { after, .. } => format!("~{}:{}", after.hash, owner(after)),
        })
        .collect();
    let result = result
        .map(|result| {
            let kept = result
                .kept
                .iter()
                .map(|stamp| stamp.row.provider.clone())
                .collect();
            (
                kept,
                result.clashes.into_iter().map(|clash| clash.name).collect(),
            )
        })
        .map_err(|error| error.to_string());
    (result, changes)
}

fn names(kept: &[&str], clashes: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Ok((owned(kept), owned(clashes)))
}

#[test]
fn a_new_nullifier_is_claimed() {
    let played = play(&[stamp("A", &["v0:x"])], &[], &rules());
    assert_eq!(played, (names(&["A"], &[]), vec!["+v0:x:me".to_owned()]));
}

#[test]
fn an_own_link_takes_the_new_expiry_whatever_its_old_one() {
    let played = play(
        &[stamp("A", &["v0:x"])],
        &[link("v0:x", ADDRESS, PAST)],
        &rules(),
    );
    assert_eq!(played, (names(&["A"], &[]), vec!["~v0:x:me".to_owned()]));
}

#[test]
fn an_unchanged_own_link_is_no_change() {
    let played = play(
        &[stamp("A", &["v0:x"])],
        &[link("v0:x", ADDRESS, LATER)],
        &rules(),
    );
    assert_eq!(played, (names(&["A"], &[]), vec![]));
}

#[test]
fn a_link_expiring_this_instant_is_forfeited() {
    let played = play(
        &[stamp("A", &["v0:x"])],
        &[link("v0:x", OTHER, NOW)],
        &rules(),
    );
    assert_eq!(played, (names(&["A"], &[]), vec!["~v0:x:me".to_owned()]));
}

#[test]
fn a_clash_backfills_the_nullifiers_the_other_lacks() {
    let stamps = [stamp("A", &["v0:x", "v0:z"]), stamp("B", &["v0:b"])];
    let played = play(&stamps, &[link("v0:x", OTHER, LATER)], &rules());
    let links = vec!["+v0:b:me".to_owned(), "+v0:z:other".to_owned()];
    assert_eq!(
        played,
        (names(&["B"], &["A"]), links),
        "first round fails its count, second succeeds"
    );
}

#[test]
fn the_address_of_a_link_is_compared_case_sensitively() {
    let upper = format!("0x{}", ADDRESS[2..].to_uppercase());
    let played = play(
        &[stamp("A", &["v0:x"])],
        &[link("v0:x", &upper, LATER)],
        &rules(),
    );
    assert_eq!(played, (names(&[], &["A"]), vec![]));
}

#[test]
fn one_nullifier_in_two_new_stamps_can_never_be_saved() {
    let stamps = [stamp("A", &["v0:x"]), stamp("B", &["v0:x"])];
    let played = play(&stamps, &[], &rules());
    assert_eq!(
        played,
        (Err("Failed to save HashScorerLinks".to_owned()), vec![])
    );
}

#[test]
fn one_nullifier_twice_with_an_own_link_leaves_the_last_expiry() {
    let later = cached_with(2, "B", &stamp_json("B", &["v0:x"], "2031-01-01T00:00:00Z"));
    let stamps = [stamp("A", &["v0:x"]), later];
    let (result, links) = play(&stamps, &[link("v0:x", ADDRESS, LATER)], &rules());
    assert_eq!(
        result,
        Err("Unexpected number of HashScorerLinks".to_owned())
    );
    assert_eq!(links, ["~v0:x:me"]);
}

#[test]
fn a_clash_beside_an_own_or_expired_link_can_never_be_saved() {
    for beside in [link("v0:x", ADDRESS, LATER), link("v0:x", OTHER, PAST)] {
        let links = [beside, link("v0:y", OTHER, LATER)];
        let (result, changes) = play(&[stamp("A", &["v0:x", "v0:y"])], &links, &rules());
        assert_eq!(result, Err("Failed to save HashScorerLinks".to_owned()));
        assert!(changes.is_empty());
    }
}

#[test]
fn two_clashes_of_one_name_leave_the_later_one() {
    let stamps = [stamp("A", &["v0:x"]), stamp("A", &["v0:y"])];
    let links = [link("v0:x", OTHER, LATER), link("v0:y", OTHER, LATER)];
    assert_eq!(
        play(&stamps, &links, &rules()),
        (names(&[], &["A"]), vec![])
    );
}

#[test]
fn other_versions_count_only_with_the_flag() {
    let links = [link("v1:x", OTHER, LATER)];
    let stamps = [stamp("A", &["v1:x"])];
    assert_eq!(
        play(&stamps, &links, &rules()),
        (names(&["A"], &[]), vec![])
    );
    let multi = Rules {
        multi_nullifier: true,
        ..rules()
    };
    assert_eq!(play(&stamps, &links, &multi), (names(&[], &["A"]), vec![]));
}

#[test]
fn a_hash_shadows_nullifiers_even_when_null() {
    let with_hash = |hash: &str| {
        let json = stamp_json("A", &["v0:x"], LATER);
        cached_with(
            1,
            "A",
            &json.replace(
                "\"nullifiers\"",
                &format!("\"hash\": {hash}, \"nullifiers\""),
            ),
        )
    };
    let played = play(&[with_hash("\"v0:h\"")], &[], &rules());
    assert_eq!(played.1, ["+v0:h:me"]);
    let played = play(&[with_hash("null")], &[], &rules());
    let error = "'NoneType' object has no attribute 'startswith'";
    assert_eq!(played.0, Err(error.to_owned()));
}

#[test]
fn a_hash_too_long_is_refused_before_anything_is_inserted() {
    let long = format!("v0:{}", "x".repeat(98));
    let played = play(
        &[stamp("A", &["v0:a"]), stamp("B", &[&long])],
        &[],
        &rules(),
    );
    let error = "value too long for type character varying(100)\n";
    assert_eq!(played, (Err(error.to_owned()), vec![]));
}

/// Measured with Django 4.2.6 and PostgreSQL 15: the row is cut to size and never found again.
#[test]
fn a_hash_with_blanks_beyond_its_column_is_stored_but_not_found() {
    let stored = format!("v0:{}", "x".repeat(97));
    let played = play(&[stamp("A", &[&format!("{stored} ")])], &[], &rules());
    let error = "Failed to save HashScorerLinks";
    assert_eq!(
        played,
        (Err(error.to_owned()), vec![format!("+{stored}:me")])
    );
}

#[test]
fn a_stored_expiry_beyond_python_s_calendar_cannot_be_read() {
    let far = HashLink {
        expires_at: at("9999-12-31T23:59:59-14:00"),
        ..link("v0:x", OTHER, LATER)
    };
    let (result, _) = play(&[stamp("A", &["v0:x"])], &[far], &rules());
    assert_eq!(result, Err("year 10000 is out of range".to_owned()));
}

#[test]
fn only_lifo_communities_deduplicate() {
    let mut table = LinkTable::new(&[]);
    let result = deduplicate(
        vec![],
        &mut table,
        &community("FIFO"),
        ADDRESS,
        &rules(),
        at(NOW),
    );
    assert_eq!(result.unwrap_err(), ScoringError::InvalidRule);
}

#[test]
fn an_event_keeps_the_provider_and_the_filtered_nullifiers() {
    let row = stamp("A", &["v0:x", "v1:y"]);
    let mut table = LinkTable::new(&[link("v0:x", OTHER, LATER)]);
    let result = deduplicate(
        vec![valid(&row)],
        &mut table,
        &community("LIFO"),
        ADDRESS,
        &rules(),
        at(NOW),
    );
    let data = crate::domain::event::deduplicated(&result.unwrap().clashes[0], 9);
    let expected = r#"{"nullifiers": ["v0:x"], "provider": "A", "community_id": 9}"#;
    assert_eq!(data, json(expected));
}

#[test]
fn a_nullifier_that_is_no_text_is_saved_once_and_never_found_again() {
    let multi = Rules {
        multi_nullifier: true,
        ..rules()
    };
    let with_nullifier = |nullifier: &str| {
        let json = stamp_json("A", &["v0:x"], LATER);
        cached_with(1, "A", &json.replace("\"v0:x\"", nullifier))
    };
    let number = [with_nullifier("5")];
    let played = play(&number, &[], &multi);
    assert_eq!(played, (names(&["A"], &[]), vec!["+5:me".to_owned()]));
    let played = play(&number, &[link("5", ADDRESS, LATER)], &multi);
    let error = "Failed to save HashScorerLinks";
    assert_eq!(played, (Err(error.to_owned()), vec![]));
    let played = play(&[with_nullifier("[]")], &[], &multi);
    assert_eq!(played.0, Err("unhashable type: 'list'".to_owned()));
}
