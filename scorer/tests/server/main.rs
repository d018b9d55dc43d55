//! The server over real sockets. No database: everything here is answered before one is needed.

mod connections;
mod requests;
mod secrets;
mod support;
