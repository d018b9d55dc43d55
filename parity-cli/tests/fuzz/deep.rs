//! Values as deep as they may be, and deeper, on the stack of a worker thread.

use parity::{
    bind::Bindings,
    compare::{Context, compare},
    effects::Effects,
    json,
    outcome::Outcome,
    redact::Redactor,
    report::{self, Report, Style},
    rules::Rules,
};

use crate::documents::{observation, report_of};

/// Tokio's, and that of a thread nobody asked more for.
const STACK: usize = 2 * 1024 * 1024;

fn on_a_worker(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work);
    thread.unwrap().join().expect("the stack is large enough");
}

fn nested(open: &str, depth: usize, core: &str, close: &str) -> Vec<u8> {
    [open.repeat(depth), core.to_owned(), close.repeat(depth)]
        .concat()
        .into_bytes()
}

const SHAPES: [(&str, &str); 3] = [("[", "]"), ("{\"a\":", "}"), ("[1,{\"b\":2,\"a\":", "}]")];

#[test]
fn the_deepest_bodies_are_compared_redacted_and_reported() {
    for (open, close) in SHAPES {
        let levels = json::MAX_DEPTH / open.matches(['[', '{']).count();
        on_a_worker(move || {
            let (left, right) = (
                nested(open, levels, "1", close),
                nested(open, levels, "2", close),
            );
            let value = json::parse(&left).unwrap().into_owned();
            assert_eq!(json::parse(value.to_text().as_bytes()).unwrap(), value);
            assert!(value.to_pretty().len() > left.len());
            let copy = value.clone();
            assert_eq!(copy, value);
            drop(copy);
            let _ = Redactor::new(*b"key").response(&observation(&left).response);
            let pair = (observation(&left), observation(&right));
            let rules = Rules::none();
            let context = Context {
                rules: &rules,
                route: "any",
                tags: &[],
            };
            let found = compare(&context, &mut Bindings::default(), &pair.0, &pair.1);
            assert_eq!(found.outcome, Outcome::Diverged);
            let report = report_of(&[pair]);
            let _ = (report::html_page(&report), report::junit(&report));
            let _ = (
                report::markdown(&report),
                report::terminal(&report, Style::default()),
            );
            assert!(Report::from_json(&report.to_json()).is_ok());
        });
    }
}

#[test]
fn rows_as_deep_are_read_and_written() {
    for (open, close) in SHAPES {
        let levels = json::MAX_DEPTH / open.matches(['[', '{']).count();
        on_a_worker(move || {
            // The row itself is one level.
            let cell = String::from_utf8(nested(open, levels - 1, "1", close)).unwrap();
            let text = format!(
                r#"{{"t": {{"inserted": [{{"c": {cell}}}], "updated": [], "deleted": []}}}}"#
            );
            let effects: Effects = serde_json::from_str(&text).unwrap();
            let redacted = Redactor::new(*b"key").effects(&effects);
            assert_eq!(
                serde_json::to_string(&redacted).unwrap(),
                serde_json::to_string(&effects).unwrap()
            );
        });
    }
}

#[test]
fn deeper_bodies_are_refused_before_anything_recurses() {
    for (open, close) in SHAPES {
        for body in [
            nested(open, 20_000, "1", close),
            nested(open, json::MAX_DEPTH + 1, "1", close),
            nested(open, 20_000, "", ""),
        ] {
            on_a_worker(move || {
                assert!(json::parse(&body).is_err());
                let pair = (observation(&body), observation(b"{}"));
                let report = report_of(&[pair]);
                let _ = report::html_page(&report);
                assert!(Report::from_json(&report.to_json()).is_ok());
            });
        }
    }
}
