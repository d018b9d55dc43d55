//! Which recorded answer a request gets.

use std::{collections::HashMap, time::Duration};

use parity::{
    exchange::{Request, Response},
    fixture::Scenario,
};
use parking_lot::Mutex;

use super::SCENARIO_HEADER;

/// Headers a client library or a proxy adds or changes on the way.
const NOT_MATCHED: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-length",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "transfer-encoding",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Place of a step: scenario, and index of the step in it.
type Place = (usize, usize);

/// A recorded answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) response: Response,
    /// How long the recorded backend took; zero where nobody measured.
    pub(super) latency: Duration,
}

/// Recorded answers, and where the scenarios in progress stand.
#[derive(Debug)]
pub(super) struct Playback {
    scenarios: Vec<Scenario>,
    places: HashMap<Key, Vec<Place>>,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The step answered last.
    last: Option<Place>,
    /// How often each step was answered.
    answered: HashMap<Place, u64>,
}

/// What has to be the same for an answer to fit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: bytes::Bytes,
}

impl Key {
    fn of(request: &Request) -> Self {
        let mut headers: Vec<_> = request
            .headers
            .0
            .iter()
            // White space around a value is no part of it (RFC 9110 §5.5): it is lost on the way.
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii().to_vec()))
            .filter(|(name, _)| !NOT_MATCHED.contains(&name.as_str()) && name != SCENARIO_HEADER)
            .collect();
        headers.sort();
        Self {
            method: request.method.clone(),
            target: request.target.clone(),
            headers,
            body: request.body.clone(),
        }
    }
}

impl Playback {
    pub(super) fn new(scenarios: Vec<Scenario>) -> Self {
        let mut places: HashMap<Key, Vec<Place>> = HashMap::new();
        for (number, scenario) in scenarios.iter().enumerate() {
            for (index, step) in scenario.steps.iter().enumerate() {
                places
                    .entry(Key::of(&step.request))
                    .or_default()
                    .push((number, index));
            }
        }
        Self {
            scenarios,
            places,
            progress: Mutex::default(),
        }
    }

    /// The answer recorded for a request, if it was.
    ///
    /// Of several, the one in the scenario the client names; else the step after the one answered
    /// last; else the one answered least often, so that repeated requests walk through a scenario.
    pub(super) fn answer(&self, request: &Request) -> Option<Answer> {
        let named = request.headers.get(SCENARIO_HEADER);
        let mut candidates = self.places.get(&Key::of(request))?.clone();
        if let Some(name) = named {
            candidates.retain(|&(number, _)| self.scenarios[number].name.as_bytes() == name);
        }
        let mut progress = self.progress.lock();
        let next = progress.last.map(|(number, index)| (number, index + 1));
        let place = candidates
            .iter()
            .copied()
            .find(|&place| Some(place) == next)
            .or_else(|| {
                candidates
                    .into_iter()
                    .min_by_key(|place| progress.answered.get(place).copied().unwrap_or(0))
            })?;
        progress.last = Some(place);
        *progress.answered.entry(place).or_default() += 1;
        let (number, index) = place;
        let step = &self.scenarios[number].steps[index];
        Some(Answer {
            response: step.response.clone(),
            latency: Duration::from_micros(step.latency_us.unwrap_or(0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(name: &str, steps: &[(&str, &str, u16)]) -> Scenario {
        let steps = steps
            .iter()
            .enumerate()
            .map(|(index, (target, key, status))| {
                let text = format!(
                    r#"{{"scenario": "{name}", "step": {}, "tags": [], "clock": null, "request": {{"method": "GET", "target": "{target}", "headers": [["Host", "a"], ["X-API-Key", "{key}"]]}}, "response": {{"status": {status}, "headers": []}}, "effects": null}}"#,
                    index + 1
                );
                serde_json::from_str(&text).unwrap()
            })
            .collect();
        Scenario {
            name: name.to_owned(),
            steps,
        }
    }

    fn ask(playback: &Playback, target: &str, key: &str, named: Option<&str>) -> Option<u16> {
        let mut request = scenario("", &[(target, key, 0)]).steps[0].request.clone();
        request.headers.0[0].1 = b"elsewhere".to_vec();
        if let Some(name) = named {
            let header = (SCENARIO_HEADER.to_owned(), name.as_bytes().to_vec());
            request.headers.0.push(header);
        }
        playback
            .answer(&request)
            .map(|answer| answer.response.status)
    }

    #[test]
    fn repeated_requests_walk_through_their_scenario() {
        let steps = [("/a", "k", 200), ("/a", "k", 201), ("/a", "k", 429)];
        let playback = Playback::new(vec![scenario("s", &steps)]);
        let got: Vec<_> = (0..4).map(|_| ask(&playback, "/a", "k", None)).collect();
        assert_eq!(got, [Some(200), Some(201), Some(429), Some(200)]);
    }

    #[test]
    fn the_scenario_in_progress_goes_on() {
        let playback = Playback::new(vec![
            scenario("one", &[("/b", "k", 200)]),
            scenario("two", &[("/a", "k", 201), ("/b", "k", 202)]),
        ]);
        assert_eq!(ask(&playback, "/a", "k", None), Some(201));
        assert_eq!(ask(&playback, "/b", "k", None), Some(202));
    }

    #[test]
    fn a_client_may_name_the_scenario() {
        let playback = Playback::new(vec![
            scenario("one", &[("/a", "k", 200)]),
            scenario("two", &[("/a", "k", 201)]),
        ]);
        assert_eq!(ask(&playback, "/a", "k", Some("two")), Some(201));
        assert_eq!(ask(&playback, "/a", "k", Some("two")), Some(201));
        assert_eq!(ask(&playback, "/a", "k", Some("three")), None);
    }

    #[test]
    fn white_space_around_a_header_value_is_no_part_of_it() {
        let playback = Playback::new(vec![scenario("one", &[("/a", " k ", 200)])]);
        assert_eq!(ask(&playback, "/a", "k", None), Some(200));
    }

    #[test]
    fn credentials_tell_requests_apart() {
        let playback = Playback::new(vec![scenario("one", &[("/a", "k", 200)])]);
        assert_eq!(ask(&playback, "/a", "other", None), None);
        assert_eq!(ask(&playback, "/b", "k", None), None);
    }
}
