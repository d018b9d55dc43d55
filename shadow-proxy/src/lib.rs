//! Forwards live traffic to the reference, mirrors it to the candidate, judges the difference,
//! walks the cutover.
//!
//! The primary path ([`forward`]) knows nothing of the shadow: whatever happens to the candidate,
//! clients get the reference's bytes at the reference's pace.

pub mod accounts;
pub mod admin;
pub mod candidate;
pub mod config;
pub mod findings;
pub mod fleet;
pub mod forward;
pub mod journal;
pub mod judge;
pub mod lanes;
pub mod latency;
pub mod listener;
pub mod mirror;
pub mod noise;
pub mod recording;
pub mod redaction;
pub mod route;
pub mod rows;
pub mod sampling;
mod serve;
pub mod sink;
pub mod stage;
pub mod start;
pub mod subjects;
pub mod tee;
pub mod verdicts;

pub use config::{Config, ConfigError};
pub use start::{Handle, Parts, Proxy, StartError};
