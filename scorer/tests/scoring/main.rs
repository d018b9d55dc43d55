//! Scorings against a real PostgreSQL: in parallel, without write rights, counted on the wire, and
//! while it fails.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

#[path = "../support/collector.rs"]
mod collector;
mod dry_run;
mod faults;
mod infinity;
mod planning;
mod process;
mod races;
mod registry;
mod restartable;
mod round_trips;
mod secrets;
mod told;
mod wire;
mod world;
