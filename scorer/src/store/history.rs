//! Reads the score update events of an address (domain E.8).

use chrono::{DateTime as Instant, Utc};
use num_bigint::BigInt;
use sqlx::{PgPool, Row};

use super::load::parse;
use crate::python::Value;

/// The newest `SCU` event of an address in a community.
#[derive(Debug, Clone, PartialEq)]
pub enum Newest {
    /// The account has no community of this number. External numbers are not looked at.
    UnknownCommunity,
    NoEvent,
    Event(Value),
}

/// Looks for the newest event at or before an instant, or the newest of all.
///
/// # Errors
/// The database's, and JSON that Python cannot read.
pub async fn newest(
    pool: &PgPool,
    account_id: i64,
    community_id: &BigInt,
    address: &str,
    until: Option<Instant<Utc>>,
) -> Result<Newest, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (SELECT event.data::text FROM registry_event event
                 WHERE event.action = 'SCU' AND event.community_id = community.id
                   AND event.address = $3 AND ($4 IS NULL OR event.created_at <= $4)
                 ORDER BY event.created_at DESC, event.id DESC LIMIT 1) AS data
         FROM account_community community
         WHERE community.id = $1 AND community.account_id = $2",
    )
    .bind(i64::try_from(community_id).ok())
    .bind(account_id)
    .bind(address.to_lowercase())
    .bind(until)
    .fetch_optional(pool)
    .await?;
    match row
        .map(|row| row.try_get::<Option<String>, _>("data"))
        .transpose()?
    {
        None => Ok(Newest::UnknownCommunity),
        Some(None) => Ok(Newest::NoEvent),
        Some(Some(data)) => Ok(Newest::Event(parse(&data)?)),
    }
}
