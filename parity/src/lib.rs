//! What an exchange is, when two of them agree, and what that proves.
//!
//! Pure: no sockets, no database driver. The words are those of `docs/architecture.md`.

pub mod accounting;
pub mod bind;
pub mod clocks;
pub mod cluster;
pub mod compare;
pub mod coverage;
pub mod effects;
pub mod exchange;
pub mod fixture;
pub mod json;
pub mod ledger;
pub mod minimize;
pub mod noise;
pub mod outcome;
pub mod path;
pub mod redact;
pub mod report;
pub mod rules;
pub mod verdict;

mod decimal;
mod instant;
