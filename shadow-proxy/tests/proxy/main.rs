//! The proxy between real sockets.

mod forward;
mod support;
