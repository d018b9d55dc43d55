//! Panics, told by their place alone: a message may quote what the code choked on.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic,
};

/// From now on a panic is an error in the log that names file and line, with a backtrace where
/// `RUST_BACKTRACE` asks for one, and never what was said.
pub fn tell_only_where_it_panicked() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!(place, %backtrace, "panicked: a mistake in the program");
        } else {
            tracing::error!(place, "panicked: a mistake in the program");
        }
    }));
}
