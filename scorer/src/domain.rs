//! What a scoring is: rules only, no clock, no database, no `async`.
//!
//! [`pipeline::score`] takes everything a scoring reads ([`snapshot::Snapshot`]) and plays what the
//! Python service does to it statement by statement: five deduplication attempts, unique
//! violations, column lengths, the leftovers of a failure half way. It hands back the response and
//! the rows to write ([`plan::Plan`]); whether they are written is the caller's business.

pub mod address;
pub(crate) mod bans;
pub mod compute;
pub(crate) mod contributor_statistics;
pub mod dedup;
pub mod error;
pub mod event;
pub mod history;
pub mod pipeline;
pub mod plan;
pub mod points;
pub mod rules;
pub mod score_object;
pub mod snapshot;
pub mod stamp;
pub mod stamp_write;
pub mod validate;
pub(crate) mod varchar;
pub mod weights;

#[cfg(test)]
mod testing;
