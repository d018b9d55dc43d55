//! Everything a scoring reads, as of one instant of the database.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::python::Value;

/// Everything a scoring of one address in one community reads.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub community: Community,
    pub scorer: Scorer,
    /// Overlay of the scorer's weights, if the community is customised.
    pub customization: Option<Customization>,
    /// Identifier of the passport of (address, community).
    pub passport_id: Option<i64>,
    pub score: Option<ScoreRow>,
    /// Live, not revoked rows of any type, in the order read.
    pub cached_stamps: Vec<CachedStamp>,
    /// Rows of the passport, in the order read.
    pub registry_stamps: Vec<RegistryStamp>,
    /// Links of this community for every nullifier of the cached stamps.
    pub links: Vec<HashLink>,
    /// Loaded only where the points program runs.
    pub points: Option<PointsState>,
}

/// A row of `account_community`, as far as scoring looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Community {
    pub id: i64,
    pub account_id: i64,
    /// Only `LIFO` can be scored.
    pub rule: String,
    pub human_points_program: bool,
}

/// How a community weighs stamps.
#[derive(Debug, Clone)]
pub enum Scorer {
    /// Unknown scorer type, or its child row is missing: an exception (domain B.2 step 2).
    NotScoreable,
    /// Weighted and binary scorers behave alike.
    Weighted {
        /// `None` for a NULL column.
        weights: Value,
        /// A `numeric(10,5)` as text, for example `20.00000`.
        threshold: String,
    },
}

/// Weights of a customised community, in overlay order: name and `numeric(7,4)` text.
#[derive(Debug, Clone, Default)]
pub struct Customization {
    pub weights: Vec<(String, String)>,
}

/// A row of `registry_score`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreRow {
    pub id: i64,
    /// Changes whenever the row does: what an optimistic write checks.
    pub version: String,
    pub columns: ScoreColumns,
}

/// The columns of `registry_score` that a scoring sets. JSON `None` stands for SQL NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreColumns {
    /// A `numeric(18,9)` as text with full scale.
    pub score: Option<String>,
    pub last_score_timestamp: Option<DateTime<Utc>>,
    pub status: Option<String>,
    pub error: Option<String>,
    pub evidence: Value,
    pub stamp_scores: Value,
    pub stamps: Value,
    pub expiration_date: Option<DateTime<Utc>>,
}

/// A row of `ceramic_cache_ceramiccache`.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedStamp {
    pub id: i64,
    pub address: String,
    pub provider: String,
    /// 1 or 2.
    pub kind: i32,
    pub stamp: Arc<Value>,
    pub updated_at: DateTime<Utc>,
    pub issuance_date: Option<DateTime<Utc>>,
    pub expiration_date: Option<DateTime<Utc>>,
}

/// A row of `registry_stamp`.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistryStamp {
    pub id: i64,
    pub provider: String,
    pub credential: Arc<Value>,
}

/// A row of `registry_hashscorerlink`: who claims a nullifier in a community, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashLink {
    pub id: i64,
    pub hash: String,
    pub address: String,
    pub expires_at: DateTime<Utc>,
}

/// What the points program knows about an address.
#[derive(Debug, Clone, Default)]
pub struct PointsState {
    /// Whether the address is a qualified user of this community.
    pub qualified_here: bool,
    /// Qualified rows of the address over all communities.
    pub qualified_rows: i64,
    /// Points rows of the address, in the order read.
    pub rows: Vec<PointsRow>,
    /// Points lists that have the address as a member.
    pub memberships: Vec<String>,
    /// `MM2` rows of all addresses.
    pub mm2_rows: i64,
    /// Active configuration in the order read: action and points.
    pub config: Vec<(String, i64)>,
    pub multiplier: Option<i64>,
}

/// A row of `registry_humanpoints`, without address and time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PointsRow {
    pub action: String,
    pub chain_id: i32,
    pub provider: String,
    pub tx_hash: String,
}
