//! What is judged live, and on what basis.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::Arc,
};

use http::Method;
use parity::verdict::{Basis, Policy, RouteTest, RouteVerdict};

use crate::{
    config::Config,
    route::{Route, Routes},
};

/// Something that has a verdict whether or not it saw anything: what a route answers, or what it
/// writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Name of the route, or [`rows_of`] it.
    pub route: Arc<str>,
    /// Whether the reference is asked twice there, so that only the excess counts.
    pub over_noise: bool,
}

/// Name under which a route's rows are judged.
pub fn rows_of(route: &str) -> Arc<str> {
    format!("{route}:rows").into()
}

/// Whether the reference is asked twice for some requests of a route.
pub fn is_asked_twice(config: &Config, route: &Route) -> bool {
    config.candidate.is_some() && route.noise_share(&Method::GET, config.noise.rate) > 0.0
}

/// Everything a configuration wants judged.
pub fn judged(config: &Config, routes: &Routes) -> Vec<Judged> {
    let mut judged = Vec::new();
    for route in routes.all() {
        judged.push(Judged {
            route: Arc::clone(&route.name),
            over_noise: is_asked_twice(config, route),
        });
        if config.rows.is_some() && route.mutates {
            judged.push(Judged {
                route: rows_of(&route.name),
                over_noise: false,
            });
        }
    }
    judged
}

/// Verdicts on the evidence there is; what saw nothing yet is insufficient.
pub fn judge(mut tests: BTreeMap<String, RouteTest>, judged: &[Judged]) -> Vec<RouteVerdict> {
    for one in judged {
        tests.entry(one.route.to_string()).or_default();
    }
    let over_noise: BTreeSet<&str> = judged
        .iter()
        .filter(|one| one.over_noise)
        .map(|one| one.route.as_ref())
        .collect();
    let policy = Policy::default();
    let count = u32::try_from(tests.len()).ok().and_then(NonZeroU32::new);
    let routes = count.map_or(policy.routes, |count| count.max(policy.routes));
    tests
        .iter()
        .map(|(route, test)| {
            let basis = if over_noise.contains(route.as_str()) {
                Basis::LiveOverNoise
            } else {
                Basis::Live
            };
            let policy = Policy {
                routes,
                basis,
                ..policy
            };
            test.judge(route.as_str(), &policy)
        })
        .collect()
}
