//! Documents: JSON of both layers, fixtures, HAR, GoReplay, reports, rules, ledgers, journals,
//! configurations, settings.

use std::{fs, path::Path};

use bytes::Bytes;
use parity::{
    bind::Bindings,
    compare::{Context, Observation, compare},
    exchange::{Headers, Request, Response},
    fixture::{Corpus, import_goreplay, import_har, import_recordings},
    json,
    ledger::Ledger,
    outcome::Outcome,
    redact::Redactor,
    report::{self, Builder, Pair, Report, Run, Style},
    rules::Rules,
    verdict::Policy,
};
use proptest::prelude::*;
use scorer::{python, settings::Settings};
use shadow_proxy::{Config, journal};

use crate::{config, mutate::mutated, recorded, workspace};

/// Bodies as recorded, requests' and responses'.
fn bodies() -> Vec<Vec<u8>> {
    let bodies = recorded()
        .into_iter()
        .flat_map(|step| [step.request.body, step.response.body]);
    let mut bodies: Vec<Vec<u8>> = bodies.map(|body| body.to_vec()).collect();
    bodies.sort_unstable();
    bodies.dedup();
    bodies
}

pub(crate) fn observation(body: &[u8]) -> Observation {
    Observation {
        response: Response {
            status: 200,
            headers: Headers(vec![("Content-Type".into(), b"application/json".to_vec())]),
            body: Bytes::copy_from_slice(body),
        },
        effects: None,
    }
}

/// The lines of one recorded group.
fn lines() -> Vec<Vec<u8>> {
    let text =
        fs::read_to_string(workspace("fixtures/passport/exchanges/ceramic-bulk.jsonl")).unwrap();
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

fn read(path: &str) -> Vec<u8> {
    fs::read(workspace(path)).unwrap()
}

/// A file with these bytes, read by `reader`.
fn from_file<T>(name: &str, bytes: &[u8], reader: impl FnOnce(&Path) -> T) -> T {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, bytes).unwrap();
    reader(&path)
}

/// An error somebody will have to understand.
fn is_explained<T>(outcome: Result<T, impl std::error::Error>) {
    if let Err(error) = outcome {
        assert!(!error.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn bodies_are_read_compared_and_redacted_or_refused(a in mutated(bodies()), b in mutated(bodies())) {
        if let Ok(value) = json::parse(&a) {
            let text = value.to_text();
            let again = json::parse(text.as_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&value));
            let _ = (value.to_pretty(), value.clone().into_owned());
        }
        let redactor = Redactor::new(*b"key");
        let kept = redactor.response(&observation(&a).response);
        prop_assert_eq!(json::parse(&a).is_ok(), json::parse(&kept.body).is_ok());
        let rules = Rules::none();
        let context = Context { rules: &rules, route: "any", tags: &[] };
        let of = |a: &[u8], b: &[u8]| {
            let mut bindings = Bindings::default();
            compare(&context, &mut bindings, &observation(a), &observation(b)).outcome
        };
        prop_assert_eq!(of(&a, &a), Outcome::Match);
        prop_assert_eq!(of(&a, &b), of(&b, &a));
        prop_assert_eq!(of(&a, &b) == Outcome::Match, a == b);
    }

    #[test]
    fn pythons_json_is_read_as_python_would_or_refused(body in mutated(bodies())) {
        match python::json::loads(&body) {
            Ok(value) => {
                let written = python::json::dumps(&value);
                let again = python::json::loads(written.as_bytes());
                prop_assert_eq!(python::json::dumps(&again.unwrap()), written);
                let _ = (python::jsonb::normalise(&value), python::text::repr(&value));
                let verifier = scorer::credential::Verifier::new(8);
                let credential = value.as_dict().and_then(|members| members.get("stamp"));
                let _ = verifier.verify(credential.unwrap_or(&value), chrono::Utc::now());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn fixtures_are_read_or_refused(line in mutated(lines())) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("exchanges")).unwrap();
        fs::write(directory.path().join("exchanges/g.jsonl"), &line).unwrap();
        let manifest = br#"{"format": "parity-fixtures", "version": {"major": 1, "minor": 0}, "settings": [],
            "redaction": {"policy": "kept", "reason": "r"}, "groups": [{"name": "g", "file": "exchanges/g.jsonl", "scenarios": 1, "steps": 1}]}"#;
        fs::write(directory.path().join("manifest.json"), manifest).unwrap();
        match Corpus::read(directory.path()) {
            Ok(corpus) => {
                let redactor = Redactor::new(*b"key");
                for step in corpus.scenarios().flat_map(|scenario| &scenario.steps) {
                    let _ = redactor.step(step);
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        is_explained(import_recordings(directory.path()));
    }

    #[test]
    fn manifests_are_read_or_refused(bytes in mutated(vec![read("fixtures/passport/manifest.json"), read("fixtures/orders/manifest.json")])) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("manifest.json"), &bytes).unwrap();
        is_explained(parity::fixture::Reader::open(directory.path()));
    }

    #[test]
    fn archives_of_browsers_are_read_or_refused(bytes in mutated(vec![har()])) {
        is_explained(from_file("a.har", &bytes, import_har));
    }

    #[test]
    fn recordings_of_goreplay_are_read_or_refused(bytes in mutated(vec![goreplay()])) {
        is_explained(from_file("a.gor", &bytes, import_goreplay));
    }

    #[test]
    fn rules_and_ledgers_are_read_or_refused(
        rules in mutated(vec![read("fixtures/passport/rules.toml"), read("fixtures/orders/rules.toml")]),
        ledger in mutated(vec![read("fixtures/passport/ledger.toml")]),
    ) {
        is_explained(from_file("rules.toml", &rules, Rules::read));
        is_explained(from_file("ledger.toml", &ledger, Ledger::read));
    }

    #[test]
    fn configurations_are_read_or_refused(bytes in mutated(vec![read("deploy/shadow-proxy.toml")])) {
        match from_file("shadow-proxy.toml", &bytes, Config::load) {
            Ok(config) => prop_assert!(!config.explain().is_empty()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn settings_are_read_or_refused(bytes in mutated(vec![settings()])) {
        let text = String::from_utf8_lossy(&bytes);
        is_explained(Settings::from_pairs(Settings::parse_file(&text)));
    }

    #[test]
    fn reports_are_read_and_shown_or_refused(bytes in mutated(vec![sample_report()])) {
        let text = String::from_utf8_lossy(&bytes);
        match Report::from_json(&text) {
            Ok(read) => {
                let _ = (report::html_page(&read), report::junit(&read), report::markdown(&read));
                let _ = report::terminal(&read, Style::default());
                prop_assert!(Report::from_json(&read.to_json()).is_ok());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn journals_are_read_line_by_line(bytes in mutated(vec![journal_line()])) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("divergences-000001.jsonl"), &bytes).unwrap();
        let contents = journal::read(directory.path()).unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        prop_assert_eq!(contents.lines.len() + contents.unreadable, lines);
    }
}

fn har() -> Vec<u8> {
    let steps = recorded();
    let some = steps.iter().step_by(200);
    parity::fixture::export_har(some, "http://h.test").into_bytes()
}

fn goreplay() -> Vec<u8> {
    let end = "\n🐵🙈🙉\n";
    let mut text = Vec::new();
    for (number, step) in recorded().iter().step_by(200).enumerate() {
        let head = format!(
            "1 id{number} 1700000000000000000 0\n{} {} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
            step.request.method,
            step.request.target,
            step.request.body.len()
        );
        text.extend_from_slice(head.as_bytes());
        text.extend_from_slice(&step.request.body);
        text.extend_from_slice(end.as_bytes());
        let answer = format!(
            "2 id{number} 1700000000000000001 5\nHTTP/1.1 {} OK\r\nContent-Length: {}\r\n\r\n",
            step.response.status,
            step.response.body.len()
        );
        text.extend_from_slice(answer.as_bytes());
        text.extend_from_slice(&step.response.body);
        text.extend_from_slice(end.as_bytes());
    }
    text
}

fn settings() -> Vec<u8> {
    let corpus = parity::fixture::Reader::open(&workspace("fixtures/passport")).unwrap();
    let pairs = corpus.manifest().settings.iter();
    let mut text: String = pairs
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    text.push_str("DATABASE_URL=postgres://u:p@h/d\nCELERY_BROKER_URL=redis://h:1/0;redis://h:2/0\n# x\n\nA=\"b\"\n");
    text.into_bytes()
}

fn journal_line() -> Vec<u8> {
    let step = recorded().into_iter().next().unwrap();
    let line = journal::Line {
        version: journal::VERSION,
        at: "2026-01-15T12:00:00Z".into(),
        route: "r".into(),
        request: step.request,
        reference: step.response.clone(),
        candidate: step.response,
        rows: None,
        diverged: Vec::new(),
        tolerated: Vec::new(),
    };
    let mut bytes = serde_json::to_vec(&line).unwrap();
    bytes.push(b'\n');
    bytes.repeat(2)
}

/// A small report in which every answer diverges.
pub(crate) fn report_of(pairs: &[(Observation, Observation)]) -> Report {
    let rules = Rules::none();
    let redactor = Redactor::new(*b"key");
    let mut builder = Builder::new(Run::default(), Policy::default(), &rules, redactor);
    let request = Request {
        method: "GET".to_owned(),
        target: "/any".to_owned(),
        headers: Headers::default(),
        body: Bytes::new(),
    };
    for (number, (reference, candidate)) in (1..).zip(pairs) {
        let context = Context {
            rules: &rules,
            route: "any",
            tags: &[],
        };
        let found = compare(&context, &mut Bindings::default(), reference, candidate);
        let pair = Pair {
            scenario: "fuzz",
            step: number,
            route: "any",
        };
        builder.compared(pair, &found, &request, reference, candidate);
    }
    builder.finish(chrono::NaiveDate::default(), 1_000)
}

fn sample_report() -> Vec<u8> {
    let bodies = bodies();
    let observed: Vec<Observation> = bodies
        .iter()
        .step_by(60)
        .map(|body| observation(body))
        .collect();
    let pairs: Vec<_> = observed
        .windows(2)
        .map(|two| (two[0].clone(), two[1].clone()))
        .collect();
    report_of(&pairs).to_json().into_bytes()
}
