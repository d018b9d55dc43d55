//! Stakes on identities (contract §3.11, §3.12).
//!
//! Whoever is on either side is looked for by one index each: a condition with `OR` would need a
//! bitmap, which these connections do without ([`super::databases`]).

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

use super::instant::Instant;

/// A current stake. Amounts are text with the scale of their column.
#[derive(Debug, FromRow)]
pub(crate) struct Stake {
    pub(crate) chain: i32,
    pub(crate) staker: String,
    pub(crate) stakee: String,
    pub(crate) amount: String,
    #[sqlx(try_from = "Instant")]
    pub(crate) unlock_time: DateTime<Utc>,
    #[sqlx(try_from = "Instant")]
    pub(crate) lock_time: DateTime<Utc>,
    pub(crate) last_updated_in_block: String,
}

/// Stakes by or on the lower-cased address.
pub(crate) async fn current(pool: &PgPool, address: &str) -> Result<Vec<Stake>, sqlx::Error> {
    sqlx::query_as(
        "SELECT chain, staker, stakee, current_amount::text AS amount, unlock_time, lock_time, \
                last_updated_in_block::text AS last_updated_in_block \
         FROM stake_stake WHERE id IN ( \
             SELECT id FROM stake_stake WHERE staker = $1 \
             UNION SELECT id FROM stake_stake WHERE stakee = $1) \
         ORDER BY ctid",
    )
    .bind(address)
    .fetch_all(pool)
    .await
}

/// A stake event of the first staking contract.
#[derive(Debug, FromRow)]
pub(crate) struct LegacyEvent {
    pub(crate) id: i64,
    pub(crate) event_type: String,
    pub(crate) round_id: i32,
    pub(crate) staker: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) amount: String,
    pub(crate) staked: bool,
    pub(crate) block_number: i32,
    pub(crate) tx_hash: String,
}

/// Events of a round by or on the lower-cased address.
pub(crate) async fn legacy(
    pool: &PgPool,
    address: &str,
    round_id: i32,
) -> Result<Vec<LegacyEvent>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, event_type, round_id, staker, address, amount::text AS amount, staked, \
                block_number, tx_hash \
         FROM registry_gtcstakeevent WHERE id IN ( \
             SELECT id FROM registry_gtcstakeevent WHERE round_id = $2 AND staker = $1 \
             UNION SELECT id FROM registry_gtcstakeevent WHERE round_id = $2 AND address = $1) \
         ORDER BY ctid",
    )
    .bind(address)
    .bind(round_id)
    .fetch_all(pool)
    .await
}
