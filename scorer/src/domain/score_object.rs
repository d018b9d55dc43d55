//! The score as clients see it (domain B.10, contract shape S).

use std::cmp::Ordering;

use chrono::{DateTime as Instant, Utc};

use super::{points::PointsData, snapshot::ScoreColumns};
use crate::python::{
    Dict, Value,
    boolean::pydantic_bool,
    datetime::{DateTime, DateTimeError},
    decimal::{Decimal, DecimalError},
};

/// Threshold of a score that has none: also what every scoring error shows.
const DEFAULT_THRESHOLD: i32 = 20;

/// The score of an address as clients see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreObject {
    pub address: String,
    /// Raw score, five decimals, half to even.
    pub score: String,
    /// Compares unrounded.
    pub passing_score: bool,
    pub last_score_timestamp: Option<String>,
    pub expiration_timestamp: Option<String>,
    pub threshold: String,
    pub error: Option<String>,
    /// Provider to `{score, dedup, expiration_date}`.
    pub stamps: Value,
    pub points: Option<PointsData>,
}

/// Stored columns that do not make a score: an exception in the Python service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedScore {
    #[error("evidence is no object")]
    Evidence,
    #[error(transparent)]
    Number(#[from] DecimalError),
    #[error("stamps do not have the shape of scored stamps")]
    Stamps,
    #[error(transparent)]
    Date(#[from] DateTimeError),
}

impl ScoreObject {
    /// The object of stored columns.
    ///
    /// # Errors
    /// Columns that this service never writes, but an operator may.
    pub fn from_columns(address: &str, columns: &ScoreColumns) -> Result<Self, MalformedScore> {
        let stamps = stored_stamps(&columns.stamps)?;
        let iso = |instant: Option<Instant<Utc>>| -> Result<_, DateTimeError> {
            instant
                .map(|instant| Ok(DateTime::from_utc(instant)?.isoformat()))
                .transpose()
        };
        let scored = iso(columns.last_score_timestamp)?;
        let expires = iso(columns.expiration_date)?;
        Self::assemble(
            address,
            &columns.evidence,
            stamps,
            scored,
            expires,
            columns.error.clone(),
        )
    }

    /// The object of a scoring just made: the expiration keeps the offset of its stamp, the stamps
    /// their order.
    ///
    /// # Errors
    /// An infinite score cannot be shown.
    pub fn fresh(
        address: &str,
        evidence: &Value,
        stamps: Value,
        scored: DateTime,
        expires: Option<DateTime>,
    ) -> Result<Self, MalformedScore> {
        let expires = expires.map(|expires| expires.isoformat());
        Self::assemble(
            address,
            evidence,
            stamps,
            Some(scored.isoformat()),
            expires,
            None,
        )
    }

    /// The object of a scoring that failed.
    pub fn failed(address: &str, error: String) -> Self {
        ScoreObject {
            address: address.to_owned(),
            score: "0.00000".to_owned(),
            passing_score: false,
            last_score_timestamp: None,
            expiration_timestamp: None,
            threshold: format!("{DEFAULT_THRESHOLD}.00000"),
            error: Some(error),
            stamps: Value::Dict(Dict::default()),
            points: None,
        }
    }

    fn assemble(
        address: &str,
        evidence: &Value,
        stamps: Value,
        last_score_timestamp: Option<String>,
        expiration_timestamp: Option<String>,
        error: Option<String>,
    ) -> Result<Self, MalformedScore> {
        let raw = evidence_number(evidence, "rawScore", 0)?;
        let threshold = evidence_number(evidence, "threshold", DEFAULT_THRESHOLD)?;
        let passing_score = raw.compare(&threshold)? != Ordering::Less;
        Ok(ScoreObject {
            address: address.to_owned(),
            score: raw.format_fixed(5)?,
            passing_score,
            last_score_timestamp,
            expiration_timestamp,
            threshold: threshold.format_fixed(5)?,
            error,
            stamps,
            points: None,
        })
    }

    /// The object in wire order.
    pub fn to_value(&self) -> Value {
        let points = self.points.clone();
        let (earned, possible) = points.map_or((Value::None, Value::None), |points| {
            (points.earned, points.possible)
        });
        Value::Dict(Dict::from_iter([
            ("address", Value::from(self.address.as_str())),
            ("score", self.score.as_str().into()),
            ("passing_score", self.passing_score.into()),
            (
                "last_score_timestamp",
                self.last_score_timestamp.clone().into(),
            ),
            (
                "expiration_timestamp",
                self.expiration_timestamp.clone().into(),
            ),
            ("threshold", self.threshold.as_str().into()),
            ("error", self.error.clone().into()),
            ("stamps", self.stamps.clone()),
            ("points_data", earned),
            ("possible_points_data", possible),
        ]))
    }
}

/// Falsy evidence or a missing key gives the default; null counts as 0; numbers are accepted.
fn evidence_number(evidence: &Value, key: &str, default: i32) -> Result<Decimal, MalformedScore> {
    let found = match evidence {
        evidence if !evidence.truthy() => None,
        Value::Dict(evidence) => evidence.get(key),
        _ => return Err(MalformedScore::Evidence),
    };
    match found {
        None => Ok(Decimal::from_int(default)),
        Some(Value::None) => Ok(Decimal::zero()),
        Some(value) => Ok(Decimal::from_value(value)?),
    }
}

/// Checks the shape and fixes the key order of stored stamps.
pub(super) fn stored_stamps(stamps: &Value) -> Result<Value, MalformedScore> {
    let stamps = match stamps {
        stamps if !stamps.truthy() => return Ok(Value::Dict(Dict::default())),
        Value::Dict(stamps) => stamps,
        _ => return Err(MalformedScore::Stamps),
    };
    let mut shaped = Dict::default();
    for (provider, stamp) in stamps.iter() {
        let stamp = stamp.as_dict().ok_or(MalformedScore::Stamps)?;
        let (Some(score @ Value::Str(_)), Some(dedup), Some(expires)) = (
            stamp.get("score"),
            stamp.get("dedup").and_then(pydantic_bool),
            stamp.get("expiration_date"),
        ) else {
            return Err(MalformedScore::Stamps);
        };
        if !matches!(expires, Value::Str(_) | Value::None) {
            return Err(MalformedScore::Stamps);
        }
        shaped.insert(
            provider.clone(),
            stamp_score(score.clone(), dedup.into(), expires.clone()),
        );
    }
    Ok(Value::Dict(shaped))
}

/// One entry of `stamps`.
pub fn stamp_score(score: Value, dedup: Value, expiration_date: Value) -> Value {
    Value::Dict(Dict::from_iter([
        ("score", score),
        ("dedup", dedup),
        ("expiration_date", expiration_date),
    ]))
}

#[cfg(test)]
mod tests;
