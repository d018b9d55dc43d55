//! Rows in live shadow: on a real database, with the scorer in commit mode in the reference's
//! place.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

mod clocks;
mod comparable;
mod faults;
mod world;
