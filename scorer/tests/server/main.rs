//! The server over real sockets. No database: everything here is answered before one is needed.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "../support/captured.rs"]
mod captured;
mod connections;
mod requests;
mod secrets;
mod support;
