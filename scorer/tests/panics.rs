//! What a panic tells. A process of its own: how panics are told holds for all of it.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "support/captured.rs"]
mod captured;

use std::panic::catch_unwind;

use captured::Captured;
use scorer::telemetry::tell_only_where_it_panicked;

/// Cutting a text within a character is a panic whose message quotes the text.
#[test]
fn a_panic_tells_where_it_was_and_nothing_of_what_it_quotes() {
    const SECRET: &str = "CANARY-77é";
    let within = SECRET.len() - 1;
    let quoted = catch_unwind(|| SECRET[..within].len()).unwrap_err();
    let quoted = quoted.downcast_ref::<String>().unwrap();
    assert!(quoted.contains(SECRET), "{quoted}");

    let captured = Captured::default();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .init();
    tell_only_where_it_panicked();
    let result = catch_unwind(|| SECRET[..within].len());
    let told = captured.text();
    // Back to what shows why a test fails.
    drop(std::panic::take_hook());
    assert!(result.is_err());
    assert!(
        told.contains("ERROR") && told.contains("panics.rs:"),
        "{told}"
    );
    assert!(!told.contains("CANARY"), "{told}");
}
