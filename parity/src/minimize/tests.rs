use std::convert::Infallible;

use bytes::Bytes;
use futures::executor::block_on;

use super::*;
use crate::{
    exchange::{Headers, Request, Response},
    fixture::Step,
};

fn step(number: u32, target: &str, body: &str) -> Step {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Step {
        scenario: "s".into(),
        step: number,
        tags: Vec::new(),
        clock: None,
        sql_before: Some("SELECT 1".into()),
        redis_flush_before: true,
        request: Request {
            method: "POST".into(),
            target: target.into(),
            headers: Headers(vec![
                header("Host", "testserver"),
                header("X-API-Key", "key"),
                header("Accept", "*/*"),
                header("Content-Length", &body.len().to_string()),
            ]),
            body: Bytes::copy_from_slice(body.as_bytes()),
        },
        response: Response {
            status: 200,
            headers: Headers::default(),
            body: Bytes::new(),
        },
        latency_us: None,
        effects: None,
        cache: None,
    }
}

/// Forty steps: one writes, one reads, and the reader's answer is wrong for one stamp.
fn session() -> Scenario {
    let steps = (1..=40)
        .map(|number| match number {
            7 => step(
                7,
                "/write?a=1&b=2",
                r#"{"scorer":1,"stamps":[{"p":"A"},{"p":"Bad","x":{"y":[1,2]}},{"p":"C"}]}"#,
            ),
            31 => step(31, "/read?debug&id=5&page=2", ""),
            _ => step(number, "/other?z=1", "[1,2,3]"),
        })
        .collect();
    Scenario {
        name: "s".into(),
        steps,
    }
}

/// Diverges when the bad stamp was written before it is read with its id and a key.
fn diverges(scenario: &Scenario) -> bool {
    let written = |step: &Step| {
        step.request.target.starts_with("/write")
            && String::from_utf8_lossy(&step.request.body)
                .replace(' ', "")
                .contains("\"p\":\"Bad\"")
    };
    let read = |step: &Step| {
        step.request.target.contains("id=5") && step.request.headers.get("x-api-key").is_some()
    };
    let first_written = scenario.steps.iter().position(written);
    let last_read = scenario.steps.iter().rposition(read);
    matches!((first_written, last_read), (Some(written), Some(read)) if written < read)
}

fn minimized(budget: u32) -> Minimized {
    let result: Result<Minimized, Infallible> =
        block_on(minimize(session(), budget, async |smaller: &Scenario| {
            Ok(diverges(smaller))
        }));
    let Ok(minimized) = result;
    minimized
}

#[test]
fn a_session_of_forty_steps_shrinks_to_the_two_that_matter() {
    let minimized = minimized(1_000);
    assert!(minimized.complete);
    let [write, read] = minimized.scenario.steps.as_slice() else {
        panic!("{} steps are left", minimized.scenario.steps.len())
    };
    assert_eq!((write.step, read.step), (7, 31));
    assert_eq!(write.request.target, "/write");
    assert_eq!(write.request.body, r#"{"stamps": [{"p": "Bad"}]}"#);
    assert!(write.request.headers.0.is_empty());
    assert_eq!(read.request.target, "/read?id=5");
    assert_eq!(
        read.request.headers.0,
        [("X-API-Key".to_owned(), b"key".to_vec())]
    );
    assert!(write.sql_before.is_none() && read.sql_before.is_none());
}

#[test]
fn whatever_the_budget_the_result_still_diverges() {
    for budget in [0, 1, 5, 20, 40] {
        let minimized = minimized(budget);
        assert!(diverges(&minimized.scenario));
        assert!(minimized.tried <= budget);
        assert!(!minimized.complete);
    }
}

#[test]
fn nothing_is_played_twice() {
    let mut played = Vec::new();
    let result: Result<Minimized, Infallible> =
        block_on(minimize(session(), 1_000, async |smaller: &Scenario| {
            assert!(!played.contains(smaller), "played before");
            played.push(smaller.clone());
            Ok(diverges(smaller))
        }));
    let Ok(minimized) = result;
    assert_eq!(minimized.tried as usize, played.len());
}

#[test]
fn the_stated_length_follows_the_body() {
    let scenario = Scenario {
        name: "s".into(),
        steps: vec![step(1, "/", r#"{"a":1,"bc":2}"#)],
    };
    let result: Result<Minimized, Infallible> =
        block_on(minimize(scenario, 100, async |s: &Scenario| {
            let request = &s.steps[0].request;
            Ok(request.headers.get("content-length").is_some()
                && request.body.windows(4).any(|w| w == b"\"bc\""))
        }));
    let Ok(minimized) = result;
    let request = &minimized.scenario.steps[0].request;
    assert_eq!(request.body, r#"{"bc": 2}"#);
    assert_eq!(request.headers.get("Content-Length"), Some(&b"9"[..]));
}

#[test]
fn a_body_that_is_no_json_is_left_out_or_left_alone() {
    let scenario = Scenario {
        name: "s".into(),
        steps: vec![step(1, "/", "not json")],
    };
    let kept = scenario.clone();
    let result: Result<Minimized, Infallible> =
        block_on(minimize(scenario, 100, async |s: &Scenario| {
            Ok(s.steps.len() == 1 && s.steps[0].request.body == kept.steps[0].request.body)
        }));
    let Ok(minimized) = result;
    assert_eq!(minimized.scenario.steps[0].request.body, "not json");
}
