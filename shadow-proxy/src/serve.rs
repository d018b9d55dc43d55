//! The path of one request.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use parking_lot::RwLock;
use tokio::{runtime::Handle, time::Instant};

use crate::{
    accounts::{Accounts, Fate, Ticket},
    candidate::embedded::Embedded,
    config::{Config, operation::Rung},
    findings::Findings,
    fleet::Fleet,
    forward::{
        Outbound,
        body::{self, Body, ClientBody},
        failure::Failure,
        target,
        upstream::Upstream,
    },
    listener::{Answer, Client},
    mirror::{Facts, Held, Mirror},
    noise,
    recording::{Place, Recorder},
    route::{self, Matched, Route, Routes},
    sink::Sink,
    stage::{Side, Sign, Stage, Standing},
    subjects::{Subjects, Watch},
    tee::{Audience, RequestCapture, RequestHead, ResponseTee},
    verdicts::{self, Judged},
};

/// Asks for the candidate for one request, where that is configured.
const USE_CANDIDATE: HeaderName = HeaderName::from_static("x-use-rust-scorer");

/// Largest body the embedded candidate is given when it serves. The reference takes 2.5 MiB of
/// announced length and any length of chunks (contract §1.6).
const EMBEDDED_BODY_LIMIT: usize = 64 * 1024 * 1024;

/// Everything that follows from one reading of the configuration.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) config: Config,
    pub(crate) routes: Routes,
    pub(crate) reference: Arc<Upstream>,
    /// Absent without a candidate.
    pub(crate) candidate: Option<Serving>,
    pub(crate) mirror: Option<Arc<Mirror>>,
    /// Of the question that this configuration asks.
    pub(crate) findings: Arc<Findings>,
}

impl Live {
    /// Everything that has a verdict.
    pub(crate) fn judged(&self) -> Vec<Judged> {
        verdicts::judged(&self.config, &self.routes)
    }
}

/// A candidate that answers users.
#[derive(Debug)]
pub(crate) enum Serving {
    Http(Arc<Upstream>),
    /// Computes on the runtime given with it: a scoring must not keep the other connections of a
    /// lane waiting.
    Embedded(Embedded, Handle),
}

/// The proxy as its connections see it.
#[derive(Debug)]
pub(crate) struct Service {
    live: RwLock<Arc<Live>>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) stage: Arc<Stage>,
    pub(crate) sink: Option<Arc<Sink>>,
    pub(crate) recorder: Option<Arc<Recorder>>,
    subjects: Arc<Subjects>,
    /// Nanoseconds that requests have waited for their answers to begin.
    waited: AtomicU64,
}

impl Service {
    pub(crate) fn new(
        live: Live,
        accounts: Arc<Accounts>,
        stage: Arc<Stage>,
        sink: Option<Arc<Sink>>,
        recorder: Option<Arc<Recorder>>,
    ) -> Self {
        Self {
            live: RwLock::new(Arc::new(live)),
            accounts,
            stage,
            sink,
            recorder,
            subjects: Arc::default(),
            waited: AtomicU64::new(0),
        }
    }

    /// The configuration in force; a request keeps the one it began with.
    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read())
    }

    /// How long all requests together have waited for their answers to begin.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    /// What was found so far, by all replicas.
    pub(crate) fn fleet(&self) -> Fleet {
        Fleet::of(&self.live().findings, &self.accounts, self.sink.as_deref())
    }

    /// Puts a new configuration in force for the requests that follow.
    pub(crate) fn replace(&self, live: Live) {
        *self.live.write() = Arc::new(live);
    }
}

/// What is decided about a request before anything is sent.
#[derive(Debug)]
struct Plan {
    matched: Matched,
    server: Side,
    ticket: Ticket,
    watch: Option<Watch>,
    sticky_key: Option<String>,
    /// Why the request is not mirrored whatever its route says.
    not_mirrored: Option<&'static str>,
    stage: u64,
}

impl Answer for Service {
    async fn answer(self: Arc<Self>, client: Client, request: Request<Incoming>) -> Response<Body> {
        let live = self.live();
        let raw_target = target::decode(request.uri().path());
        let plan = self.plan(&live, &client, &request, raw_target.as_deref());
        let server = plan.server;
        match self
            .exchange(&live, &client, request, raw_target, plan)
            .await
        {
            Ok(response) => body::in_order(response),
            Err(failure) => {
                live.findings.failed(server, failure);
                if server == Side::Candidate && failure.is_backend() {
                    self.stage.observe(Sign::Failed);
                }
                if failure.is_backend() {
                    tracing::warn!(side = server.name(), class = failure.class(), "no answer");
                }
                failure.response()
            }
        }
    }
}

impl Service {
    fn plan(
        &self,
        live: &Live,
        client: &Client,
        request: &Request<Incoming>,
        raw_target: Option<&[u8]>,
    ) -> Plan {
        let raw_path;
        let path = match raw_target {
            Some(raw) => {
                raw_path = String::from_utf8_lossy(raw);
                raw_path.split('?').next().unwrap_or_default()
            }
            None => request.uri().path(),
        };
        let matched = live.routes.find(request.method(), path);
        let subject = route::subject(&matched, request.headers());
        let stage = self.stage.number();
        let standing = self.stage.standing();
        let sticky_key = if draws(live, standing, &matched.route) {
            let sticky = live.config.mirror.sticky;
            let client = client.address.ip();
            route::sticky_key(sticky, subject.as_deref(), request.headers(), client)
        } else {
            None
        };
        let server = match &live.candidate {
            None => Side::Reference,
            Some(_) if live.config.stage.honour_header && asks_for_candidate(request.headers()) => {
                Side::Candidate
            }
            Some(_) => standing.server(sticky_key.as_deref()),
        };
        let not_mirrored = match &live.mirror {
            None => Some("no_candidate"),
            Some(_) if request.headers().contains_key(noise::MARK) => Some("noise_probe"),
            Some(_) if !standing.mirrors(server) => Some("stage"),
            Some(_) => None,
        };
        Plan {
            ticket: self.accounts.ticket(Arc::clone(&matched.route.name)),
            watch: subject
                .filter(|_| live.mirror.is_some())
                .map(|subject| self.subjects.watch(subject, matched.route.mutates)),
            matched,
            server,
            sticky_key,
            not_mirrored,
            stage,
        }
    }

    async fn exchange(
        &self,
        live: &Live,
        client: &Client,
        request: Request<Incoming>,
        raw_target: Option<Bytes>,
        plan: Plan,
    ) -> Result<Response<Body>, Failure> {
        let limits = &live.config.limits;
        if limits.request_body.0 > 0 && announced_length(&request) > limits.request_body.0 {
            plan.ticket.settle(Fate::Declined("client_body_too_large"));
            return Err(Failure::ClientBodyTooLarge);
        }
        let request = request.map(|body| {
            if body.is_end_stream() {
                return body::empty();
            }
            ClientBody::new(body, limits.body_idle_timeout.0, limits.request_body.0).boxed_unsync()
        });
        let mut outbound = Outbound::new(
            request,
            raw_target,
            &client.forwarded_for,
            live.config.forwarded.mode,
        );
        if outbound.may_switch() {
            // From here on the bytes of this connection may be no HTTP.
            client.switched.store(true, Ordering::Release);
        }
        let (server, matched) = (plan.server, Arc::clone(&plan.matched.route));
        let route = &matched.name;
        let mut audience = Audience {
            recording: self.place(&plan, &outbound),
            mirror: hold(live, plan, &outbound),
        };
        let cap = live.config.mirror.body_cap.bytes();
        let tapped = (!audience.is_empty()).then(|| {
            let head = RequestHead::of(&outbound);
            let capture = RequestCapture::tap(&mut outbound.request, cap);
            if let Some((mirror, held)) = &mut audience.mirror {
                mirror.look(held, &matched, &head, &capture);
            }
            (audience, head, capture)
        });
        let begun = Instant::now();
        let answer = match (server, &live.candidate) {
            (Side::Candidate, Some(candidate)) => {
                // Much larger than the usual way, whose size it would have otherwise.
                Box::pin(serve_by_candidate(
                    live,
                    candidate,
                    outbound,
                    client.address.ip(),
                ))
                .await
            }
            _ => by_upstream(&live.reference, outbound).await,
        };
        let took = begun.elapsed();
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(nanos, Ordering::Relaxed);
        let response = match answer {
            Ok(response) => response,
            Err(failure) => {
                if let Some((audience, ..)) = tapped {
                    audience.settle(Fate::NotComparable(failure.class()));
                }
                return Err(failure);
            }
        };
        live.findings.asked(server, route, took);
        live.findings.served(server, response.status());
        if server == Side::Candidate {
            let failed = response.status().is_server_error();
            self.stage
                .observe(if failed { Sign::Failed } else { Sign::Answered });
        }
        Ok(match tapped {
            Some((audience, head, capture)) => {
                ResponseTee::tap(response, audience, head, capture, cap).map(Body::new)
            }
            None => response,
        })
    }

    /// Room in the recording: of what the reference answers, as far as it is HTTP.
    fn place(&self, plan: &Plan, outbound: &Outbound) -> Option<Place> {
        let recorder = self.recorder.as_ref()?;
        let records = plan.server == Side::Reference && !outbound.may_switch();
        records
            .then(|| recorder.place(plan.sticky_key.as_deref()))
            .flatten()
    }
}

/// Takes a place in the mirror, or settles what becomes of the request instead.
fn hold(live: &Live, plan: Plan, outbound: &Outbound) -> Option<(Arc<Mirror>, Held)> {
    let facts = Facts {
        route: &plan.matched.route,
        method: outbound.request.method(),
        sticky_key: plan.sticky_key.as_deref(),
        may_switch: outbound.may_switch(),
        server: plan.server,
        stage: plan.stage,
        noise_share: plan
            .matched
            .route
            .noise_share(outbound.request.method(), live.config.noise.rate),
    };
    match (&live.mirror, plan.not_mirrored) {
        (Some(mirror), None) => {
            let held = mirror.hold(&facts, plan.ticket, plan.watch)?;
            Some((Arc::clone(mirror), held))
        }
        (_, reason) => {
            let reason = reason.unwrap_or("no_candidate");
            plan.ticket.settle(Fate::Declined(reason));
            None
        }
    }
}

async fn by_upstream(
    upstream: &Arc<Upstream>,
    outbound: Outbound,
) -> Result<Response<Body>, Failure> {
    let response = outbound.send(upstream).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response.map(|_| body::empty()));
    }
    Ok(response.map(BodyExt::boxed_unsync))
}

/// The candidate answers a user. Where it cannot be reached at all and the request has no body,
/// the reference answers instead: nothing has been done with the request yet.
async fn serve_by_candidate(
    live: &Live,
    candidate: &Serving,
    outbound: Outbound,
    client: IpAddr,
) -> Result<Response<Body>, Failure> {
    match candidate {
        Serving::Embedded(scorer, runtime) => by_embedded(scorer, runtime, outbound).await,
        Serving::Http(upstream) => {
            let spare = outbound.repeatable();
            match by_upstream(upstream, outbound).await {
                Err(failure) if failure.is_before_sending() => match spare {
                    Some(spare) => {
                        tracing::warn!(class = failure.class(), %client, "the reference steps in");
                        by_upstream(&live.reference, spare).await
                    }
                    None => Err(failure),
                },
                answer => answer,
            }
        }
    }
}

async fn by_embedded(
    scorer: &Embedded,
    runtime: &Handle,
    outbound: Outbound,
) -> Result<Response<Body>, Failure> {
    let head = RequestHead::of(&outbound);
    let body = body::collect(outbound.request.into_body(), EMBEDDED_BODY_LIMIT)
        .await
        .map_err(|error| Failure::of_collecting(&error))?;
    let scorer = scorer.clone();
    let served = runtime.spawn(async move { scorer.serve(&head, body).await });
    let reply = served.await.map_err(|_| Failure::InvalidResponse)?.response;
    let mut response = Response::new(body::full(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).map_err(|_| Failure::InvalidResponse)?;
    for (name, value) in reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(&value);
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

fn asks_for_candidate(headers: &HeaderMap) -> bool {
    headers
        .get(USE_CANDIDATE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Whether anything about a request is drawn, which is what its sticky key is for.
fn draws(live: &Live, standing: Standing, route: &Route) -> bool {
    standing.stage == Rung::Canary
        || live.config.recording.rate < 1.0
        || live
            .mirror
            .as_ref()
            .is_some_and(|mirror| mirror.rate(route) < 1.0)
}

/// Length the client announced in bytes, 0 when it did not.
fn announced_length(request: &Request<Incoming>) -> u64 {
    request.body().size_hint().lower()
}
