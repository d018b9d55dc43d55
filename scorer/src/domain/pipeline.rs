//! One scoring from start to end (domain B.2).

use chrono::{DateTime as Instant, Utc};

use super::{
    compute::{Computed, compute},
    dedup::{Clash, LinkTable, deduplicate},
    error::ScoringError,
    event::{self, ScoreUpdate},
    plan::{Plan, StampRewrite},
    points,
    rules::Rules,
    score_object::{ScoreObject, stamp_score},
    snapshot::{ScoreColumns, Scorer, Snapshot},
    stamp::latest_per_provider,
    validate::{ProofVerifier, valid_stamps},
    weights::Weights,
};
use crate::python::{Dict, Value, datetime::DateTime, decimal::Decimal};

/// Circumstances of a scoring.
pub struct Circumstances<'a> {
    pub rules: &'a Rules,
    pub now: Instant<Utc>,
    pub verifier: &'a dyn ProofVerifier,
    /// Whether the response shows human points.
    pub show_points: bool,
    /// Other requests have won the links in every round: saving them fails, as the Python service
    /// reports after its own five rounds.
    pub contended: bool,
}

impl std::fmt::Debug for Circumstances<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Circumstances")
            .field("rules", self.rules)
            .field("now", &self.now)
            .field("show_points", &self.show_points)
            .field("contended", &self.contended)
            .finish_non_exhaustive()
    }
}

/// A scoring played through.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// What is written, whether or not the scoring raised.
    pub plan: Plan,
    pub outcome: Result<ScoreObject, Raised>,
}

/// An exception that escapes the scoring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Raised {
    /// The scorer's type is unknown or its child row is missing. Nothing is written.
    #[error("the community's scorer cannot be scored with")]
    NotScoreable,
    /// The event of an infinite score is no valid JSON: the score row stays `PROCESSING`.
    #[error("an infinite score cannot be stored")]
    InfiniteScore,
}

/// Scores an address in a community.
///
/// A failure inside the scoring is an ordinary outcome with an error text.
///
/// # Errors
/// A scorer that cannot be used, before anything is written.
pub fn score(
    snapshot: &Snapshot,
    address: &str,
    circumstances: &Circumstances<'_>,
) -> Result<Simulation, Raised> {
    let Scorer::Weighted { weights, threshold } = &snapshot.scorer else {
        return Err(Raised::NotScoreable);
    };
    let mut plan = Plan {
        address: address.to_owned(),
        community_id: snapshot.community.id,
        now: circumstances.now,
        passport_id: snapshot.passport_id,
        score: snapshot.score.clone(),
        outcome: None,
        links: Vec::new(),
        dedup_events: Vec::new(),
        stamps: None,
        award: points::Award::default(),
        score_event: None,
    };
    let mut points_state = snapshot.points.clone();
    let mut links = LinkTable::new(&snapshot.links);
    let scorer = (weights, threshold.as_str());
    let result = update_score(
        snapshot,
        scorer,
        circumstances,
        &mut plan,
        &mut links,
        &mut points_state,
    );
    plan.links = links.into_changes();

    let mut outcome = match result {
        Ok(update) => store_score(&mut plan, update),
        Err(error) => {
            plan.outcome = Some(ScoreColumns::failed(error.to_string()));
            Ok(ScoreObject::failed(address, error.to_string()))
        }
    };
    if let (true, Ok(score), Some(state)) = (circumstances.show_points, &mut outcome, &points_state)
        && points::shows(&circumstances.rules.human_points, &snapshot.community)
    {
        score.points = Some(points::read(state));
    }
    Ok(Simulation { plan, outcome })
}

/// Steps 5 to 10: whatever fails here becomes the error of the score, and what was written stays.
fn update_score(
    snapshot: &Snapshot,
    (weights, threshold): (&Value, &str),
    circumstances: &Circumstances<'_>,
    plan: &mut Plan,
    links: &mut LinkTable,
    points_state: &mut Option<super::snapshot::PointsState>,
) -> Result<ScoreUpdate, ScoringError> {
    let Circumstances { rules, now, .. } = *circumstances;
    let community = &snapshot.community;
    let rows = latest_per_provider(&snapshot.cached_stamps)?;
    let stamps = valid_stamps(&rows, &plan.address, rules, now, circumstances.verifier)?;
    if circumstances.contended {
        return Err(ScoringError::LinksNotSaved);
    }
    let deduplicated = deduplicate(stamps, links, community, &plan.address, rules, now)?;
    let kept = &deduplicated.kept;
    let clashes = &deduplicated.clashes;
    plan.dedup_events = clashes
        .iter()
        .map(|clash| event::deduplicated(clash, community.id))
        .collect();
    plan.stamps = Some(StampRewrite {
        deleted: snapshot.registry_stamps.clone(),
        inserted: kept.iter().map(|stamp| stamp.row.clone()).collect(),
    });
    let weights = Weights::overlaid(weights, snapshot.customization.as_ref())?;
    let computed = compute(kept, &weights, threshold)?;
    if computed.passing
        && points::awards(&rules.human_points, community, now)
        && let Some(state) = points_state
    {
        points::award(state, &mut plan.award, kept, &rules.human_points)?;
    }
    Ok(ScoreUpdate {
        passing: computed.passing,
        last_score_timestamp: DateTime::from_utc(now)?,
        evidence: evidence(&computed, threshold),
        stamp_scores: stamp_scores(&computed),
        stamps: stamps_shown(&computed, clashes)?,
        expiration_date: computed.earliest,
    })
}

/// Steps 11 and 12: the event comes first, and JSON has no infinity.
fn store_score(plan: &mut Plan, update: ScoreUpdate) -> Result<ScoreObject, Raised> {
    let infinite = |points: &Value| matches!(points, Value::Float(points) if !points.is_finite());
    let points = update.stamp_scores.as_dict();
    if points.is_some_and(|points| points.iter().any(|(_, points)| infinite(points))) {
        return Err(Raised::InfiniteScore);
    }
    let object = ScoreObject::fresh(
        &plan.address,
        &update.evidence,
        update.stamps.clone(),
        update.last_score_timestamp,
        update.expiration_date,
    )
    .map_err(|_| Raised::InfiniteScore)?;
    let score = if update.passing {
        "1.000000000"
    } else {
        "0.000000000"
    };
    plan.outcome = Some(ScoreColumns {
        score: Some(score.to_owned()),
        last_score_timestamp: Some(update.last_score_timestamp.instant()),
        status: Some("DONE".to_owned()),
        error: None,
        evidence: update.evidence.clone(),
        stamp_scores: update.stamp_scores.clone(),
        stamps: update.stamps.clone(),
        expiration_date: update.expiration_date.map(|expires| expires.instant()),
    });
    plan.score_event = Some(update);
    Ok(object)
}

fn evidence(computed: &Computed<'_>, threshold: &str) -> Value {
    Value::Dict(Dict::from_iter([
        ("type", Value::from("ThresholdScoreCheck")),
        ("success", computed.passing.into()),
        ("rawScore", computed.raw.to_string().into()),
        ("threshold", threshold.into()),
    ]))
}

fn stamp_scores(computed: &Computed<'_>) -> Value {
    let points = computed
        .stamps
        .iter()
        .map(|stamp| (stamp.provider, Value::Float(stamp.points)));
    Value::Dict(Dict::from_iter(points))
}

/// Counted stamps under the provider of their row, then what was deduplicated under the provider
/// of its credential: the two can collide, and then the points of one carry the date of the other.
fn stamps_shown(computed: &Computed<'_>, clashes: &[Clash]) -> Result<Value, ScoringError> {
    let mut shown = Dict::default();
    for stamp in &computed.stamps {
        let points = Decimal::from_f64_exact(stamp.points).format_fixed(5)?;
        let clash = clashes.iter().find(|clash| clash.name == stamp.provider);
        let expires = clash.map_or_else(
            || stamp.expires.isoformat(),
            |clash| clash.expires_text.clone(),
        );
        let entry = stamp_score(points.into(), clash.is_some().into(), expires.into());
        shown.insert(stamp.provider, entry);
    }
    for clash in clashes {
        if shown.get(&clash.name).is_none() {
            let expires = clash.expires_text.as_str().into();
            let entry = stamp_score("0.00000".into(), true.into(), expires);
            shown.insert(clash.name.as_str(), entry);
        }
    }
    Ok(Value::Dict(shown))
}

#[cfg(test)]
mod tests;
