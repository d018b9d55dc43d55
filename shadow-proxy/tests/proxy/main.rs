//! The proxy between real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

mod admin;
mod budget;
mod command;
mod corpus;
mod downgrade;
mod faults;
mod fleet;
mod forward;
mod http2;
mod limits;
mod memory;
mod noise;
mod outages;
mod process;
mod program;
mod recording;
mod replica;
mod secrets;
mod shadow;
mod slow_clients;
mod smuggling;
mod support;
