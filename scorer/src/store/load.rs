//! Reads what a scoring needs, in one round trip.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use num_bigint::BigInt;
use sqlx::{PgPool, Row, postgres::PgRow};

use super::instant::Instant;
use crate::{
    domain::{
        points::LISTS,
        snapshot::{
            CachedStamp, Community, Customization, HashLink, PointsRow, PointsState, RegistryStamp,
            ScoreColumns, ScoreRow, Scorer, Snapshot,
        },
    },
    python::{Value, json},
};

/// Which community is meant (domain B.1).
#[derive(Debug, Clone)]
pub enum CommunityRef {
    /// By its own number, whatever the account.
    Id(BigInt),
    /// Within an account: by external number first, else by its own.
    InAccount { account_id: i64, id: BigInt },
    /// Within the account that owns the community of this number: by external number first.
    Via(BigInt),
}

/// What was found.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Live, not revoked rows of any type, in the order read.
    pub cached_stamps: Vec<CachedStamp>,
    /// Everything else, if there is such a community.
    pub community: Option<CommunityState>,
}

/// What a community and an address have together.
#[derive(Debug)]
pub(super) struct CommunityState {
    community: Community,
    scorer: Scorer,
    customization: Option<Customization>,
    passport_id: Option<i64>,
    pub score: Option<ScoreRow>,
    registry_stamps: Vec<RegistryStamp>,
    links: Vec<HashLink>,
    pub points: Option<PointsState>,
}

impl CommunityState {
    /// Everything a scoring reads.
    pub(super) fn into_snapshot(self, cached_stamps: Vec<CachedStamp>) -> Snapshot {
        Snapshot {
            community: self.community,
            scorer: self.scorer,
            customization: self.customization,
            passport_id: self.passport_id,
            score: self.score,
            cached_stamps,
            registry_stamps: self.registry_stamps,
            links: self.links,
            points: self.points,
        }
    }
}

/// Reads everything about an address (lower case) in a community.
///
/// `extra_hashes` are nullifiers of stamps that are not stored yet.
///
/// # Errors
/// The database's, and JSON that Python cannot read.
pub(super) async fn load(
    pool: &PgPool,
    community: &CommunityRef,
    address: &str,
    extra_hashes: &[String],
    points_enabled: bool,
) -> Result<Loaded, sqlx::Error> {
    let (id, external, account, via) = match community {
        CommunityRef::Id(id) => (id, None, None, false),
        CommunityRef::InAccount { account_id, id } => {
            (id, Some(id.to_string()), Some(*account_id), false)
        }
        CommunityRef::Via(id) => (id, Some(id.to_string()), None, true),
    };
    let row = sqlx::query(include_str!("sql/load.sql"))
        .bind(address)
        .bind(i64::try_from(id).ok())
        .bind(external)
        .bind(account)
        .bind(via)
        .bind(extra_hashes)
        .bind(points_enabled)
        .bind(&LISTS[..])
        .fetch_one(pool)
        .await?;
    let cached_stamps = cached_stamps(&row, address)?;
    let community = match row.try_get::<Option<i64>, _>("community_id")? {
        Some(id) => Some(community_state(&row, id, &cached_stamps)?),
        None => None,
    };
    Ok(Loaded {
        cached_stamps,
        community,
    })
}

fn community_state(
    row: &PgRow,
    id: i64,
    cached: &[CachedStamp],
) -> Result<CommunityState, sqlx::Error> {
    let community = Community {
        id,
        account_id: row.try_get("account_id")?,
        rule: row.try_get("rule")?,
        human_points_program: row.try_get("human_points_program")?,
    };
    let scorer = if row.try_get("scoreable")? {
        Scorer::Weighted {
            weights: json_column(row, "weights")?,
            threshold: row.try_get("threshold")?,
        }
    } else {
        Scorer::NotScoreable
    };
    let customization = if row.try_get("customised")? {
        let names = array::<String>(row, "overlay_names")?;
        let weights = array::<String>(row, "overlay_weights")?;
        Some(Customization {
            weights: names.into_iter().zip(weights).collect(),
        })
    } else {
        None
    };
    Ok(CommunityState {
        community,
        scorer,
        customization,
        passport_id: row.try_get("passport_id")?,
        score: score_row(row)?,
        registry_stamps: registry_stamps(row, cached)?,
        links: links(row)?,
        points: points(row)?,
    })
}

fn score_row(row: &PgRow) -> Result<Option<ScoreRow>, sqlx::Error> {
    let Some(id) = row.try_get("score_id")? else {
        return Ok(None);
    };
    Ok(Some(ScoreRow {
        id,
        version: row.try_get("score_version")?,
        columns: ScoreColumns {
            score: row.try_get("score")?,
            last_score_timestamp: instant(row, "last_score_timestamp")?,
            status: row.try_get("status")?,
            error: row.try_get("error")?,
            evidence: json_column(row, "evidence")?,
            stamp_scores: json_column(row, "stamp_scores")?,
            stamps: json_column(row, "stamps")?,
            expiration_date: instant(row, "expiration_date")?,
        },
    }))
}

fn cached_stamps(row: &PgRow, address: &str) -> Result<Vec<CachedStamp>, sqlx::Error> {
    let ids = array::<i64>(row, "cached_ids")?;
    let providers = array::<String>(row, "cached_providers")?;
    let kinds = array::<i32>(row, "cached_kinds")?;
    let stamps = array::<String>(row, "cached_stamps")?;
    let updates = array::<Instant>(row, "cached_updates")?;
    let issuances = array::<Option<Instant>>(row, "cached_issuances")?;
    let expirations = array::<Option<Instant>>(row, "cached_expirations")?;
    let dates = updates
        .into_iter()
        .zip(issuances.into_iter().zip(expirations));
    let texts = providers.into_iter().zip(stamps);
    ids.into_iter()
        .zip(kinds)
        .zip(texts.zip(dates))
        .map(
            |((id, kind), ((provider, stamp), (updated_at, (issuance_date, expiration_date))))| {
                Ok(CachedStamp {
                    id,
                    address: address.to_owned(),
                    provider,
                    kind,
                    stamp: Arc::new(parse(&stamp)?),
                    updated_at: updated_at.0,
                    issuance_date: issuance_date.map(DateTime::from),
                    expiration_date: expiration_date.map(DateTime::from),
                })
            },
        )
        .collect()
}

fn registry_stamps(row: &PgRow, cached: &[CachedStamp]) -> Result<Vec<RegistryStamp>, sqlx::Error> {
    let cached: HashMap<i64, &CachedStamp> = cached.iter().map(|stamp| (stamp.id, stamp)).collect();
    let ids = array::<i64>(row, "registered_ids")?;
    let providers = array::<String>(row, "registered_providers")?;
    let twins = array::<Option<i64>>(row, "registered_twins")?;
    let credentials = array::<Option<String>>(row, "registered_credentials")?;
    ids.into_iter()
        .zip(providers)
        .zip(twins.into_iter().zip(credentials))
        .map(|((id, provider), (twin, credential))| {
            let credential = match (twin.and_then(|twin| cached.get(&twin)), credential) {
                (Some(twin), _) => twin.stamp.clone(),
                (None, credential) => {
                    Arc::new(parse(&credential.unwrap_or_else(|| "null".to_owned()))?)
                }
            };
            Ok(RegistryStamp {
                id,
                provider,
                credential,
            })
        })
        .collect()
}

fn links(row: &PgRow) -> Result<Vec<HashLink>, sqlx::Error> {
    let ids = array::<i64>(row, "link_ids")?;
    let hashes = array::<String>(row, "link_hashes")?;
    let addresses = array::<String>(row, "link_addresses")?;
    let expirations = array::<Instant>(row, "link_expirations")?;
    let claims = addresses.into_iter().zip(expirations);
    Ok(ids
        .into_iter()
        .zip(hashes)
        .zip(claims)
        .map(|((id, hash), (address, expires_at))| HashLink {
            id,
            hash,
            address,
            expires_at: expires_at.0,
        })
        .collect())
}

fn points(row: &PgRow) -> Result<Option<PointsState>, sqlx::Error> {
    let Some(qualified_rows) = row.try_get("qualified_rows")? else {
        return Ok(None);
    };
    let actions = array::<String>(row, "points_actions")?;
    let chains = array::<i32>(row, "points_chains")?;
    let providers = array::<String>(row, "points_providers")?;
    let hashes = array::<String>(row, "points_hashes")?;
    let texts = providers.into_iter().zip(hashes);
    let rows = actions
        .into_iter()
        .zip(chains)
        .zip(texts)
        .map(|((action, chain_id), (provider, tx_hash))| PointsRow {
            action,
            chain_id,
            provider,
            tx_hash,
        })
        .collect();
    let config_points = array::<i32>(row, "config_points")?
        .into_iter()
        .map(i64::from);
    Ok(Some(PointsState {
        qualified_here: row.try_get("qualified_here")?,
        qualified_rows,
        rows,
        memberships: array(row, "memberships")?,
        mm2_rows: row.try_get("mm2_rows")?,
        config: array::<String>(row, "config_actions")?
            .into_iter()
            .zip(config_points)
            .collect(),
        multiplier: row.try_get::<Option<i32>, _>("multiplier")?.map(i64::from),
    }))
}

/// An aggregated array; NULL where there was nothing to aggregate.
fn array<'r, T>(row: &'r PgRow, column: &str) -> Result<Vec<T>, sqlx::Error>
where
    Vec<T>: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    Ok(row
        .try_get::<Option<Vec<T>>, _>(column)?
        .unwrap_or_default())
}

/// A timestamp that may be NULL.
fn instant(row: &PgRow, column: &str) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let instant: Option<Instant> = row.try_get(column)?;
    Ok(instant.map(DateTime::from))
}

/// A jsonb column read as text; NULL is `None`, as in Python.
fn json_column(row: &PgRow, column: &str) -> Result<Value, sqlx::Error> {
    let text: Option<String> = row.try_get(column)?;
    text.map_or(Ok(Value::None), |text| parse(&text))
}

/// Parses what PostgreSQL printed for a jsonb.
pub(super) fn parse(text: &str) -> Result<Value, sqlx::Error> {
    json::loads_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}
