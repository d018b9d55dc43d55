//! Puts load on two backends in turn and says how fast each answers, with how much certainty.
//!
//! Both backends get the same requests in alternating order, so that what the machine does besides
//! falls on both. The first part of every turn is warm-up and not counted. Under an arrival rate
//! latency counts from the moment the request should have been sent, so that a stalled backend
//! cannot hide its queue (coordinated omission).

mod memory;
mod plan;
mod start;
mod statistics;
mod summary;
mod targets;
mod turn;

pub use memory::peak_memory;
pub use plan::{Check, Plan, PlanError, PlannedRequest};
pub use start::{StartError, Started, start};
pub use statistics::{Quantile, Samples};
pub use summary::{BackendSummary, Summary, write_time_series};
pub use targets::{Judged, TARGETS, Target, judge};
pub use turn::{Pace, Second, TurnResult, run_turn};
