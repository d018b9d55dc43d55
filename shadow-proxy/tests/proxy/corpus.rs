//! The recorded corpus goes through the proxy byte for byte, and what differs is found as in a
//! replay.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use parity::{
    bind::Bindings,
    compare::{Context, Observation, compare},
    exchange::{Request, Response},
    fixture::{Corpus, Scenario, Step},
    ledger::{Ledger, Occurrences},
    minimize::minimize,
    outcome::{Divergence, Kind, Outcome, Place},
    rules::Rules,
};
use parking_lot::Mutex;
use shadow_proxy::{
    Config, Proxy,
    config::{ForwardedMode, WritePolicy},
    route::scorer_routes,
};

use crate::support::{Backend, raw, settled, shadowing};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport")
}

fn request_bytes(request: &Request) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
    let mut framed = false;
    for (name, value) in &request.headers.0 {
        framed |= name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding");
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    if !framed && !request.body.is_empty() {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", request.body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"Connection: close\r\n\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

/// The answer as the reference would write it: chunked where it announced no length.
fn answer_bytes(response: &Response) -> Vec<u8> {
    let status = http::StatusCode::from_u16(response.status).unwrap();
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", response.status).into_bytes();
    for (name, value) in &response.headers.0 {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    if response.headers.get("content-length").is_some() {
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&response.body);
    } else {
        assert!(
            response.body.is_empty(),
            "only redirects come without a length"
        );
        if response.headers.get("transfer-encoding").is_none() {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    }
    bytes
}

fn latin1(text: &str) -> Vec<u8> {
    let byte = |c| u8::try_from(u32::from(c)).expect("one character for each byte");
    text.chars().map(byte).collect()
}

/// The bytes without the lines that belong to one connection, and without the white space around
/// values, which is no part of them (RFC 9110 §5.5).
fn without_connection(bytes: &[u8]) -> Vec<u8> {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let mut kept = Vec::new();
    for line in bytes[..end].split(|byte| *byte == b'\n') {
        if line.to_ascii_lowercase().starts_with(b"connection:") {
            continue;
        }
        match line.iter().position(|byte| *byte == b':') {
            Some(colon) if !kept.is_empty() => {
                kept.extend_from_slice(&line[..=colon]);
                kept.extend_from_slice(line[colon + 1..].trim_ascii());
            }
            _ => kept.extend_from_slice(line.trim_ascii_end()),
        }
        kept.push(b'\n');
    }
    kept.extend_from_slice(&bytes[end..]);
    kept
}

#[tokio::test]
async fn every_recorded_exchange_passes_byte_for_byte() {
    let corpus = Corpus::read(&fixtures()).unwrap();
    let due = Arc::new(Mutex::new(Vec::new()));
    let answer = Arc::clone(&due);
    let reference = Backend::start(move |_| answer.lock().clone()).await;
    let mut config = Config::forwarding_to(&reference.url());
    config.forwarded.mode = ForwardedMode::Keep;
    let proxy = Proxy::start(config).await.unwrap();
    let steps = corpus
        .groups
        .iter()
        .flat_map(|group| &group.scenarios)
        .flat_map(|scenario| &scenario.steps);
    let (mut count, mut changed) = (0, Vec::new());
    for step in steps {
        count += 1;
        let name = format!("{}#{}", step.scenario, step.step);
        let (sent, expected) = (request_bytes(&step.request), answer_bytes(&step.response));
        due.lock().clone_from(&expected);
        let seen = reference.arrived().len();
        let got = raw(proxy.address(), &sent).await;
        if without_connection(&got) != without_connection(&expected) {
            changed.push(format!(
                "{name}: answer {:?} for {:?}",
                String::from_utf8_lossy(&got),
                step.request.target
            ));
            continue;
        }
        let arrived = reference
            .arrived()
            .pop()
            .filter(|_| reference.arrived().len() == seen + 1);
        let arrived = arrived.map(|request| [latin1(&request.head), request.body].concat());
        let arrived = arrived.as_deref().map(without_connection);
        if arrived.as_deref() != Some(&without_connection(&sent)) {
            let arrived = arrived.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            changed.push(format!(
                "{name}: request {arrived:?} for {:?}",
                String::from_utf8_lossy(&sent)
            ));
        }
    }
    assert!(count > 1_000, "{count} steps are not the corpus");
    assert!(
        changed.is_empty(),
        "{} of {count}:\n{}",
        changed.len(),
        changed.join("\n")
    );
}

/// The candidate of the second test: the recorded answers, with one fault on each of three routes.
fn spoilt(route: &str, recorded: &Response) -> Response {
    let mut response = recorded.clone();
    match (route, recorded.status) {
        ("v2-score", 404) => response.status = 400,
        ("allow-list", 200) => response
            .headers
            .0
            .retain(|(name, _)| !name.eq_ignore_ascii_case("x-content-type-options")),
        ("stake-gtc", 200) => {
            let text = String::from_utf8(response.body.to_vec()).unwrap();
            let text = text.replace("000000000\"", "000000001\"");
            response.body = Bytes::from(text);
        }
        _ => {}
    }
    response
}

/// A difference without its values, which the proxy keeps redacted.
type Difference = (Place, String, Kind);

fn differences(diverged: &[Divergence]) -> BTreeSet<Difference> {
    let difference = |one: &Divergence| (one.place, one.path.clone(), one.kind);
    diverged.iter().map(difference).collect()
}

/// What a replay would say of the step and this answer.
fn replayed(
    rules: &Rules,
    ledger: &Ledger,
    step: &Step,
    answer: &Response,
) -> BTreeSet<Difference> {
    let observation = |response: &Response| Observation {
        response: response.clone(),
        effects: None,
    };
    let route = rules.route(&step.request, &step.tags);
    let context = Context {
        rules,
        route: &route,
        tags: &step.tags,
    };
    let (reference, candidate) = (observation(&step.response), observation(answer));
    let mut bindings = Bindings::default();
    let mut comparison = compare(&context, &mut bindings, &reference, &candidate);
    let mut occurrences = Occurrences::default();
    ledger.apply(&route, &step.request, &mut comparison, &mut occurrences);
    match comparison.outcome {
        Outcome::Diverged => differences(&comparison.diverged),
        _ => BTreeSet::new(),
    }
}

#[tokio::test]
async fn the_same_divergences_are_found_as_in_a_replay_and_each_fault_is_one_cluster() {
    let corpus = Corpus::read(&fixtures()).unwrap();
    let rules = Rules::read(&fixtures().join("rules.toml")).unwrap();
    let ledger = Ledger::read(&fixtures().join("ledger.toml")).unwrap();
    let due = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let (to_user, to_mirror) = (Arc::clone(&due), Arc::clone(&due));
    let reference = Backend::start(move |_| to_user.lock().0.clone()).await;
    let candidate = Backend::start(move |_| to_mirror.lock().1.clone()).await;
    let mut config = shadowing(&reference, &candidate);
    config.rules = Some(fixtures().join("rules.toml"));
    config.ledger = Some(fixtures().join("ledger.toml"));
    config.routes = scorer_routes();
    for route in &mut config.routes {
        route.writes = Some(WritePolicy::Isolated);
    }
    let proxy = Proxy::start(config).await.unwrap();

    let (mut expected, mut found) = (BTreeMap::new(), BTreeMap::new());
    let mut examples: BTreeMap<String, Step> = BTreeMap::new();
    for step in corpus.scenarios().flat_map(|scenario| &scenario.steps) {
        let name = format!("{}#{}", step.scenario, step.step);
        let answer = spoilt(&rules.route(&step.request, &step.tags), &step.response);
        let answers = (answer_bytes(&step.response), answer_bytes(&answer));
        due.lock().clone_from(&answers);
        let before = proxy.stats();
        let got = raw(proxy.address(), &request_bytes(&step.request)).await;
        assert_eq!(
            without_connection(&got),
            without_connection(&answers.0),
            "{name}"
        );
        let after = settled(&proxy).await;
        if after.compared == before.compared {
            continue;
        }
        let differs = replayed(&rules, &ledger, step, &answer);
        if !differs.is_empty() {
            expected.insert(name.clone(), differs);
        }
        if after.diverged > before.diverged {
            let latest = &proxy.findings().recent()[0];
            examples
                .entry(latest.id.clone())
                .or_insert_with(|| step.clone());
            found.insert(name, differences(&latest.line.diverged));
        }
    }
    assert_eq!(found, expected);
    let compared = proxy.stats().compared;
    assert!(compared > 1_000, "{compared} compared are not the corpus");

    let clusters = proxy.findings().clusters();
    let routes: BTreeSet<&str> = clusters.iter().map(|one| one.route.as_str()).collect();
    assert_eq!(
        routes,
        BTreeSet::from(["allow-list", "stake-gtc", "v2-score"])
    );
    assert_eq!(clusters.len(), 3, "as many as faults: {clusters:#?}");

    // An example of each, as small as it goes: asked again through the proxy, it still differs.
    for cluster in clusters {
        let step = examples[&cluster.examples[0]].clone();
        let scenario = Scenario {
            name: step.scenario.clone(),
            steps: vec![step.clone()],
        };
        let still_diverges = async |smaller: &Scenario| -> Result<bool, std::convert::Infallible> {
            let step = &smaller.steps[0];
            let answer = spoilt(&cluster.route, &step.response);
            *due.lock() = (answer_bytes(&step.response), answer_bytes(&answer));
            let before = proxy.stats().diverged;
            raw(proxy.address(), &request_bytes(&step.request)).await;
            Ok(settled(&proxy).await.diverged > before)
        };
        let minimal = minimize(scenario, 100, still_diverges).await.unwrap();
        assert!(minimal.complete);
        let request = &minimal.scenario.steps[0].request;
        assert!(request.headers.0.len() <= 1, "{request:?}");
        assert_eq!(request.target, step.request.target);
    }
}
