//! What operators ask and change, as JSON.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json as object};

use super::{json, problem};
use crate::{
    candidate::breaker::BreakerState, config::operation::Rung, findings::Found,
    forward::body::Body, serve::Service, stage::Standing,
};

/// Divergences in one answer when the question does not say.
const DEFAULT_LIMIT: usize = 50;

/// Whether users can be served. A mirror that is not well takes nothing from them.
pub(super) fn ready(service: &Service) -> Response<Body> {
    let live = service.live();
    let breaker = live.mirror.as_ref().map(|mirror| mirror.breaker().state());
    let journal = service.findings.journal().counts();
    let failing = journal.failing.load(Ordering::Relaxed);
    let state = object!({
        "ready": true,
        "stage": service.stage.standing().stage,
        "candidate": match breaker {
            None => "none",
            Some(BreakerState::Closed) => "asked",
            Some(BreakerState::HalfOpen | BreakerState::Open) => "left alone: it does not answer",
        },
        "journal": if failing { "cannot be written" } else { "written" },
    });
    json(StatusCode::OK, &state)
}

pub(super) fn status(service: &Service) -> Response<Body> {
    let live = service.live();
    let totals = service.accounts.totals();
    let standing = service.stage.standing();
    let mirror = live.mirror.as_ref().map(|mirror| {
        object!({
            "held": mirror.held(),
            "capacity": mirror.capacity(),
            "breaker": name_of(mirror.breaker().state()),
        })
    });
    let routes: Vec<Value> = service
        .accounts
        .by_route()
        .iter()
        .map(|(route, account)| object!({ "route": &**route, "counts": account.totals }))
        .collect();
    let journal = service.findings.journal().counts();
    json(
        StatusCode::OK,
        &object!({
            "stage": standing.stage,
            "canary_percent": standing.canary_percent,
            "counts": totals,
            "balanced": totals.is_balanced(),
            "open": service.accounts.open(),
            "mirror": mirror,
            "routes": routes,
            "step_backs": service.stage.step_backs(),
            "journal": {
                "written": journal.written.load(Ordering::Relaxed),
                "dropped": journal.dropped.load(Ordering::Relaxed),
                "failing": journal.failing.load(Ordering::Relaxed),
            },
        }),
    )
}

fn name_of(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::HalfOpen => "half-open",
        BreakerState::Open => "open",
    }
}

pub(super) fn verdicts(service: &Service) -> Response<Body> {
    let live = service.live();
    let verdicts = service.findings.verdicts(live.routes.names());
    let overall = parity::verdict::overall(&verdicts);
    json(
        StatusCode::OK,
        &object!({ "overall": overall, "routes": verdicts }),
    )
}

pub(super) fn clusters(service: &Service) -> Response<Body> {
    let clusters: Vec<Value> = service
        .findings
        .clusters()
        .iter()
        .map(|cluster| object!({ "title": cluster.title(), "cluster": cluster }))
        .collect();
    json(StatusCode::OK, &object!({ "clusters": clusters }))
}

/// `?route=&cluster=&limit=`: the latest divergences, newest first.
pub(super) fn divergences(service: &Service, query: &str) -> Response<Body> {
    let parameter = |name: &str| {
        query
            .split('&')
            .filter_map(|field| field.split_once('='))
            .find(|(field, value)| *field == name && !value.is_empty())
            .map(|(_, value)| value)
    };
    let limit = match parameter("limit").map(str::parse::<usize>) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) => limit,
        Some(Err(_)) => return problem(StatusCode::BAD_REQUEST, "limit must be a whole number"),
    };
    let cluster = match parameter("cluster") {
        None => None,
        Some(id) => {
            let found = service.findings.clusters().into_iter().find(|c| c.id == id);
            let Some(found) = found else {
                return problem(StatusCode::NOT_FOUND, "there is no such cluster");
            };
            Some(found)
        }
    };
    let route = parameter("route");
    let wanted = |found: &Found| {
        route.is_none_or(|route| found.line.route == route)
            && cluster.as_ref().is_none_or(|cluster| {
                let signatures = &cluster.signatures;
                found.signatures.iter().any(|one| signatures.contains(one))
            })
    };
    let divergences: Vec<Value> = service
        .findings
        .recent()
        .iter()
        .filter(|found| wanted(found))
        .take(limit)
        .map(|found| object!({ "id": found.id, "divergence": found.line }))
        .collect();
    json(StatusCode::OK, &object!({ "divergences": divergences }))
}

pub(super) fn audit(service: &Service) -> Response<Body> {
    json(StatusCode::OK, &object!({ "audit": service.stage.audit() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    stage: Rung,
    /// Kept as it is when absent.
    percent: Option<f64>,
    reason: String,
    actor: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kill {
    reason: String,
    #[serde(default = "somebody")]
    actor: String,
}

fn somebody() -> String {
    "operator".to_owned()
}

pub(super) fn change_stage(service: &Service, body: &Bytes) -> Response<Body> {
    let change: Change = match serde_json::from_slice(body) {
        Ok(change) => change,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if change.reason.trim().is_empty() || change.actor.trim().is_empty() {
        return problem(
            StatusCode::BAD_REQUEST,
            "say who changes the stage, and why",
        );
    }
    let percent = change
        .percent
        .unwrap_or(service.stage.standing().canary_percent);
    if !(0.0..=100.0).contains(&percent) {
        return problem(StatusCode::BAD_REQUEST, "percent must be between 0 and 100");
    }
    let needs_candidate = !matches!(change.stage, Rung::Off | Rung::Shadow);
    if needs_candidate && service.live().candidate.is_none() {
        return problem(StatusCode::CONFLICT, "there is no candidate to serve users");
    }
    let to = Standing {
        stage: change.stage,
        canary_percent: percent,
    };
    let kept = service.stage.change(to, &change.actor, &change.reason);
    changed(service, kept)
}

pub(super) fn kill(service: &Service, body: &Bytes) -> Response<Body> {
    let kill: Kill = match serde_json::from_slice(body) {
        Ok(kill) => kill,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let kept = service.stage.kill(&kill.actor, &kill.reason);
    changed(service, kept)
}

/// The stage is in force either way; `persisted` says whether a restart would keep it.
fn changed(service: &Service, kept: std::io::Result<()>) -> Response<Body> {
    let standing = service.stage.standing();
    json(
        StatusCode::OK,
        &object!({
            "stage": standing.stage,
            "canary_percent": standing.canary_percent,
            "persisted": kept.is_ok(),
        }),
    )
}
