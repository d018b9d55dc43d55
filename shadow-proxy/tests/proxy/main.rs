//! The proxy between real sockets.

mod faults;
mod forward;
mod shadow;
mod support;
