//! Human points: what a scoring earns and what an address has (domain C).

use std::collections::HashSet;

use super::{
    error::{MatchCount, ScoringError},
    rules::HumanPointsRules,
    snapshot::{Community, PointsRow, PointsState},
    stamp::plain_text,
    validate::ValidStamp,
    varchar::fit,
};
use crate::python::{Dict, Value};

use chrono::{DateTime as Instant, Utc};

/// `registry_humanpoints.provider` and `.tx_hash` are `varchar(100)`.
const TEXT_LENGTH: usize = 100;
/// Qualified communities that earn the scoring bonus.
const BONUS_COMMUNITIES: i64 = 4;
/// `MM2` rows after which the MetaMask list earns nothing more.
const MM2_LIMIT: i64 = 5000;

const METAMASK_LIST: &str = "MetaMaskOG2";
const SEASONED_LIST: &str = "SeasonedPassportOGs";
const CHOSEN_LIST: &str = "TheChosenOnes";
/// The lists whose members earn points.
pub const LISTS: [&str; 3] = [METAMASK_LIST, SEASONED_LIST, CHOSEN_LIST];

/// Rows that a scoring adds to the points program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Award {
    /// Whether the address becomes a qualified user of the community.
    pub qualifies: bool,
    pub rows: Vec<PointsRow>,
}

/// Whether points are awarded for a passing score now (domain C.1).
pub fn awards(rules: &HumanPointsRules, community: &Community, now: Instant<Utc>) -> bool {
    shows(rules, community) && now.timestamp() >= rules.start_timestamp
}

/// Whether the program runs in this community at all.
pub fn shows(rules: &HumanPointsRules, community: &Community) -> bool {
    rules.enabled && community.human_points_program
}

/// Awards points for the stamps that survived deduplication, in the order of domain C.3.
///
/// `state` and `award` hold what was written before a failure, as in the Python service.
///
/// # Errors
/// A text too long for its column; more than one row where at most one is expected.
pub fn award(
    state: &mut PointsState,
    award: &mut Award,
    stamps: &[ValidStamp<'_>],
    rules: &HumanPointsRules,
) -> Result<(), ScoringError> {
    if !state.qualified_here {
        state.qualified_here = true;
        state.qualified_rows += 1;
        award.qualifies = true;
    }
    insert_new(state, award, stamp_actions(state, stamps))?;
    if state.qualified_rows >= BONUS_COMMUNITIES {
        get_or_create(state, award, "SCB")?;
    }
    let member =
        |list: &str, state: &PointsState| state.memberships.iter().any(|name| name == list);
    if rules.mta_enabled && member(METAMASK_LIST, state) && state.mm2_rows < MM2_LIMIT {
        get_or_create(state, award, "MM2")?;
    }
    if member(SEASONED_LIST, state) {
        get_or_create(state, award, "SOG")?;
    }
    if member(CHOSEN_LIST, state) {
        get_or_create(state, award, "TCO")?;
    }
    Ok(())
}

/// The points action of a provider column.
fn provider_action(provider: &str) -> Option<&'static str> {
    Some(match provider {
        "SelfStakingBronze" => "ISB",
        "SelfStakingSilver" => "ISS",
        "SelfStakingGold" => "ISG",
        "BeginnerCommunityStaker" => "CSB",
        "ExperiencedCommunityStaker" => "CSE",
        "TrustedCitizen" => "CST",
        "HolonymGovIdProvider" => "HGO",
        "HolonymPhone" => "HPH",
        "CleanHands" => "HCH",
        "Biometrics" => "HBI",
        _ => return None,
    })
}

fn row(action: &str) -> PointsRow {
    PointsRow {
        action: action.to_owned(),
        chain_id: 0,
        provider: String::new(),
        tx_hash: String::new(),
    }
}

fn stamp_actions(state: &PointsState, stamps: &[ValidStamp<'_>]) -> Vec<PointsRow> {
    let mut rows = Vec::new();
    for stamp in stamps {
        if let Some(human_key) = human_key(stamp)
            && !state
                .rows
                .iter()
                .any(|known| known.action == "HKY" && known.provider == human_key.provider)
        {
            rows.push(human_key);
        }
        rows.extend(provider_action(&stamp.row.provider).map(row));
    }
    rows
}

/// The human key of a stamp: its last nullifier, whatever its version.
fn human_key(stamp: &ValidStamp<'_>) -> Option<PointsRow> {
    let provider = stamp
        .subject
        .get("provider")
        .filter(|provider| provider.truthy())?;
    let Some(Value::List(nullifiers)) = stamp.subject.get("nullifiers") else {
        return None;
    };
    let last = nullifiers
        .iter()
        .rev()
        .find(|nullifier| nullifier.truthy())?;
    Some(PointsRow {
        provider: plain_text(provider),
        tx_hash: plain_text(last),
        ..row("HKY")
    })
}

/// One multi-row insert that skips rows which exist; rows too long for a column refuse it whole.
fn insert_new(
    state: &mut PointsState,
    award: &mut Award,
    rows: Vec<PointsRow>,
) -> Result<(), ScoringError> {
    let stored = |text: &str| fit(text, TEXT_LENGTH).map(str::to_owned);
    let rows: Option<Vec<PointsRow>> = rows
        .into_iter()
        .map(|row| {
            Some(PointsRow {
                provider: stored(&row.provider)?,
                tx_hash: stored(&row.tx_hash)?,
                ..row
            })
        })
        .collect();
    let rows = rows.ok_or(ScoringError::ValueTooLong(TEXT_LENGTH))?;
    let mut known: HashSet<PointsRow> = state.rows.iter().cloned().collect();
    for row in rows {
        if known.insert(row.clone()) {
            state.rows.push(row.clone());
            award.rows.push(row);
        }
    }
    Ok(())
}

fn get_or_create(
    state: &mut PointsState,
    award: &mut Award,
    action: &str,
) -> Result<(), ScoringError> {
    match state
        .rows
        .iter()
        .filter(|known| known.action == action)
        .count()
    {
        0 => insert_new(state, award, vec![row(action)]),
        1 => Ok(()),
        count => Err(ScoringError::MultipleHumanPoints(MatchCount(count))),
    }
}

/// `points_data` and `possible_points_data` of a response (domain C.4).
#[derive(Debug, Clone, PartialEq)]
pub struct PointsData {
    pub earned: Value,
    pub possible: Value,
}

/// Sums up what an address has. The multiplier is shown and multiplies nothing; it is 1 for an
/// address without counted rows.
pub fn read(state: &PointsState) -> PointsData {
    let mut groups: Vec<(&str, i32, i64)> = Vec::new();
    for row in state.rows.iter().filter(|row| row.action != "HIM") {
        let Some((action, points)) = state
            .config
            .iter()
            .find(|(action, _)| *action == row.action)
        else {
            continue;
        };
        match groups
            .iter_mut()
            .find(|group| group.0 == action && group.1 == row.chain_id)
        {
            Some(group) => group.2 += points,
            None => groups.push((action, row.chain_id, *points)),
        }
    }
    let mut breakdown: Vec<(String, i64)> = Vec::new();
    let mut add = |key: String, points: i64| match breakdown.iter_mut().find(|entry| entry.0 == key)
    {
        Some(entry) => entry.1 += points,
        None => breakdown.push((key, points)),
    };
    for (action, chain_id, points) in &groups {
        if *chain_id != 0 {
            add(format!("{action}_{chain_id}"), *points);
        }
        add((*action).to_owned(), *points);
    }
    let total = groups.iter().map(|group| group.2).sum();
    let multiplier = if groups.is_empty() {
        1
    } else {
        state.multiplier.unwrap_or(1)
    };
    PointsData {
        earned: points_object(total, state.qualified_rows > 0, multiplier, breakdown),
        possible: points_object(0, false, multiplier, state.config.clone()),
    }
}

fn points_object(
    total: i64,
    eligible: bool,
    multiplier: i64,
    breakdown: Vec<(String, i64)>,
) -> Value {
    let breakdown = breakdown
        .into_iter()
        .map(|(key, points)| (key, Value::from(points)));
    Value::Dict(Dict::from_iter([
        ("total_points", Value::from(total)),
        ("is_eligible", eligible.into()),
        ("multiplier", multiplier.into()),
        ("breakdown", Dict::from_iter(breakdown).into()),
    ]))
}

#[cfg(test)]
mod tests;
