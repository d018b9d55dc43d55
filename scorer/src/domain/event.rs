//! The data of `registry_event` rows (domain B.5 step 6, B.9).

use super::dedup::Clash;
use crate::python::{Dict, Value, datetime::DateTime};

/// Data of an `LDP` event: a stamp of this user was taken out because another claims it.
pub fn deduplicated(clash: &Clash, community_id: i64) -> Value {
    let nullifiers = clash
        .nullifiers
        .iter()
        .map(|nullifier| nullifier.raw.clone())
        .collect();
    Value::Dict(Dict::from_iter([
        ("nullifiers", Value::List(nullifiers)),
        ("provider", clash.provider.clone()),
        ("community_id", community_id.into()),
    ]))
}

/// What an `SCU` event tells about a score, apart from identifiers.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreUpdate {
    pub passing: bool,
    pub last_score_timestamp: DateTime,
    pub evidence: Value,
    pub stamp_scores: Value,
    pub stamps: Value,
    pub expiration_date: Option<DateTime>,
}

impl ScoreUpdate {
    /// The `fields` of the event, without `passport`.
    pub fn fields(&self) -> Dict {
        let score = if self.passing { "1" } else { "0" };
        let expiration = self.expiration_date.map(|expires| expires.iso_millis());
        Dict::from_iter([
            ("score", Value::from(score)),
            (
                "last_score_timestamp",
                self.last_score_timestamp.iso_millis().into(),
            ),
            ("status", "DONE".into()),
            ("error", Value::None),
            ("evidence", self.evidence.clone()),
            ("stamp_scores", self.stamp_scores.clone()),
            ("stamps", self.stamps.clone()),
            ("expiration_date", expiration.into()),
        ])
    }

    /// The whole data of the event.
    pub fn data(&self, score_id: i64, passport_id: i64) -> Value {
        let mut fields = self.fields();
        fields.insert("passport", passport_id);
        Value::Dict(Dict::from_iter([
            ("model", Value::from("registry.score")),
            ("pk", score_id.into()),
            ("fields", fields.into()),
        ]))
    }
}
