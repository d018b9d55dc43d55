//! Passport scoring service: stamps in, a humanity score out.
//!
//! A functional core in an imperative shell. The same [`message::Request`] can be answered in
//! commit mode (rows are written) or in dry-run mode (nothing is written; the rows that would have
//! been are handed back as [`effects::Effects`]).

mod api;
mod auth;
pub mod cache;
pub mod clock;
pub mod credential;
pub mod domain;
pub mod effects;
pub mod embedded;
pub mod message;
pub mod python;
mod rate_limit;
pub mod server;
pub mod service;
pub mod settings;
pub mod store;
pub mod telemetry;
