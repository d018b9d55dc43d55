//! The proxy between real sockets.

mod admin;
mod corpus;
mod faults;
mod forward;
mod shadow;
mod smuggling;
mod support;
