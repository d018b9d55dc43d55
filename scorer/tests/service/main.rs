//! The service over a real database, asked through its server.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod addresses;
mod bans;
mod frameworks;
mod readiness;
mod support;
