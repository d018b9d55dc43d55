//! What operators ask and change, as JSON.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use parity::cluster::Signature;
use serde::Deserialize;
use serde_json::{Value, json as object};

use super::{json, problem, respond};
use crate::{
    candidate::breaker::BreakerState, config::operation::Rung, findings::Found,
    forward::body::Body, latency::SLOT_SECONDS, noise::Noise, route::percent_decode,
    serve::Service, stage::Standing, verdicts::rows_of,
};

/// Longest wait for the other replicas to be told of a change.
const SHARING: Duration = Duration::from_millis(700);

/// Divergences in one answer when the question does not say.
const DEFAULT_LIMIT: usize = 50;

/// What users and operators can count on. A mirror that is not well takes nothing from users, and a
/// reference that does not answer is told to them better by the proxy than by a refused connection:
/// neither makes the proxy unready.
pub(super) fn ready(service: &Service) -> Response<Body> {
    let live = service.live();
    let breaker = live.mirror.as_ref().map(|mirror| mirror.breaker().state());
    let journal = live.findings.journal().counts();
    let failing = journal.failing.load(Ordering::Relaxed);
    let state = object!({
        "ready": true,
        "stage": service.stage.standing().stage,
        "reference": if live.findings.reference_answers() { "answers" } else { "does not answer" },
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
    let journal = live.findings.journal().counts();
    let sink = service.sink.as_ref().map(|sink| {
        let counts = sink.counts();
        object!({
            "state": if sink.is_up() { "up" } else { "down" },
            "written": counts.written.load(Ordering::Relaxed),
            "waiting": sink.outbox().waiting(),
            "dropped": counts.dropped.load(Ordering::Relaxed),
        })
    });
    let recording = service.recorder.as_ref().map(|recorder| {
        let counts = recorder.counts();
        object!({
            "written": counts.written.load(Ordering::Relaxed),
            "dropped": counts.dropped.load(Ordering::Relaxed),
            "full": counts.full.load(Ordering::Relaxed),
        })
    });
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
            "rows": service.live().findings.rows().totals(),
            "noise": service.live().findings.noise().totals(),
            "step_backs": service.stage.step_backs(),
            "version": env!("CARGO_PKG_VERSION"),
            "replica": service.sink.as_ref().map(|sink| sink.replica()),
            "sink": sink,
            "recording": recording,
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

/// Of all replicas.
pub(super) fn verdicts(service: &Service) -> Response<Body> {
    let fleet = service.fleet();
    let verdicts = fleet.verdicts(&service.live().judged());
    let overall = parity::verdict::overall(&verdicts);
    let counts = fleet.counts.iter();
    let rows = service.live().findings.rows().by_route();
    let rows = rows
        .iter()
        .map(|(route, account)| object!({ "route": rows_of(route), "counts": account.totals }));
    let counts: Vec<Value> = counts
        .map(|(route, counts)| object!({ "route": route, "counts": counts }))
        .chain(rows)
        .collect();
    json(
        StatusCode::OK,
        &object!({
            "overall": overall,
            "replicas": fleet.replicas,
            "routes": verdicts,
            "counts": counts,
        }),
    )
}

/// Of all replicas.
pub(super) fn clusters(service: &Service) -> Response<Body> {
    let clusters: Vec<Value> = service
        .fleet()
        .clusters()
        .iter()
        .map(|cluster| object!({ "title": cluster.title(), "cluster": cluster }))
        .collect();
    json(StatusCode::OK, &object!({ "clusters": clusters }))
}

/// A parameter of a query; an empty one counts as absent.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query
        .split('&')
        .filter_map(|field| field.split_once('='))
        .find(|(field, value)| *field == name && !value.is_empty())
        .map(|(_, value)| value)?;
    Some(percent_decode(value).into_owned())
}

/// `?route=`: the latency of both sides over time, of one route or of all.
pub(super) fn latency(service: &Service, query: &str) -> Response<Body> {
    let route = parameter(query, "route");
    let points = service.live().findings.latencies().points(route.as_deref());
    json(
        StatusCode::OK,
        &object!({ "slot_seconds": SLOT_SECONDS, "points": points }),
    )
}

/// `?route=&cluster=&limit=`: the latest divergences of all replicas, newest first. While the sink
/// cannot be read, those of this replica.
pub(super) async fn divergences(service: &Service, query: &str) -> Response<Body> {
    let limit = match parameter(query, "limit").map(|limit| limit.parse::<usize>()) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) => limit,
        Some(Err(_)) => return problem(StatusCode::BAD_REQUEST, "limit must be a whole number"),
    };
    let signatures = match parameter(query, "cluster") {
        None => None,
        Some(id) => {
            let mut clusters = service.fleet().clusters().into_iter();
            let Some(cluster) = clusters.find(|cluster| cluster.id == id) else {
                return problem(StatusCode::NOT_FOUND, "there is no such cluster");
            };
            Some(cluster.signatures)
        }
    };
    let route = parameter(query, "route");
    let divergences = match of_all(service, route.as_deref(), signatures.as_deref(), limit).await {
        Some(found) => found,
        None => of_this(service, route.as_deref(), signatures.as_deref(), limit),
    };
    json(StatusCode::OK, &object!({ "divergences": divergences }))
}

async fn of_all(
    service: &Service,
    route: Option<&str>,
    signatures: Option<&[Signature]>,
    limit: usize,
) -> Option<Vec<Value>> {
    let sink = service.sink.as_ref()?;
    let live = service.live();
    let names = signatures.map(|all| all.iter().map(Signature::id).collect::<Vec<_>>());
    let question = live.findings.question();
    match sink
        .store()
        .divergences(question, route, names.as_deref(), limit)
        .await
    {
        Ok(found) => {
            let found = found.into_iter();
            Some(
                found
                    .map(|(id, line)| object!({ "id": id, "divergence": line }))
                    .collect(),
            )
        }
        Err(error) => {
            tracing::warn!(%error, "divergences of other replicas cannot be read");
            None
        }
    }
}

fn of_this(
    service: &Service,
    route: Option<&str>,
    signatures: Option<&[Signature]>,
    limit: usize,
) -> Vec<Value> {
    let wanted = |found: &Found| {
        route.is_none_or(|route| found.line.route == route)
            && signatures
                .is_none_or(|wanted| found.signatures.iter().any(|one| wanted.contains(one)))
    };
    let recent = service.live().findings.recent();
    recent
        .iter()
        .filter(|found| wanted(found))
        .take(limit)
        .map(|found| object!({ "id": found.id, "divergence": found.line }))
        .collect()
}

/// Rules proposed from comparing the reference with itself. None of them is in force.
pub(super) fn noise(service: &Service) -> Response<Body> {
    let live = service.live();
    let noise = live.mirror.as_ref().and_then(|mirror| mirror.noise());
    let proposals = noise.map(Noise::proposals).unwrap_or_default();
    let rules: Vec<Value> = proposals
        .rules
        .iter()
        .zip(&proposals.shapes)
        .map(|(rule, shapes)| object!({ "rule": rule, "shapes": shapes }))
        .collect();
    let state = object!({
        "learning": noise.is_some(),
        "counts": service.live().findings.noise().totals(),
        "proposals": rules,
        "unexplained": proposals.unexplained,
    });
    json(StatusCode::OK, &state)
}

/// The proposals as a rules file to review: it cannot be loaded before somebody signs each rule.
pub(super) fn noise_as_rules(service: &Service) -> Response<Body> {
    let live = service.live();
    let noise = live.mirror.as_ref().and_then(|mirror| mirror.noise());
    match noise.map(Noise::proposals).unwrap_or_default().to_toml() {
        Ok(text) => respond(StatusCode::OK, "application/toml", text),
        Err(error) => {
            tracing::error!(%error, "the proposals could not be written");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the proposals could not be written",
            )
        }
    }
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

pub(super) async fn change_stage(service: &Service, body: &Bytes) -> Response<Body> {
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
    changed(service, kept).await
}

pub(super) async fn kill(service: &Service, body: &Bytes) -> Response<Body> {
    let kill: Kill = match serde_json::from_slice(body) {
        Ok(kill) => kill,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let kept = service.stage.kill(&kill.actor, &kill.reason);
    changed(service, kept).await
}

/// The stage is in force either way; `persisted` says whether a restart would keep it, `shared`
/// whether the other replicas know of it (`null` where each has a stage of its own).
async fn changed(service: &Service, kept: std::io::Result<()>) -> Response<Body> {
    let shared = tokio::time::timeout(SHARING, service.stage.is_shared()).await;
    let standing = service.stage.standing();
    json(
        StatusCode::OK,
        &object!({
            "stage": standing.stage,
            "canary_percent": standing.canary_percent,
            "persisted": kept.is_ok(),
            "shared": shared.unwrap_or(Some(false)),
        }),
    )
}
