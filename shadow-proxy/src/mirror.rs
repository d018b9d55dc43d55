//! What is mirrored, and the bounded queue it waits in.
//!
//! A request that is to be mirrored takes one of a fixed number of places before its first byte is
//! kept, and gives it back with its verdict: bodies held at any time are bounded by the number of
//! places and the cap on a body, whatever the candidate does.

use std::sync::Arc;

use http::Method;
use parity::{compare::Observation, exchange, outcome::Outcome};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout},
};

use crate::{
    accounts::{Fate, Ticket},
    candidate::{AskError, Candidate, breaker::Breaker},
    config::{MirrorConfig, WritePolicy},
    findings::{Findings, Pair},
    judge::Judge,
    redaction::Redaction,
    route::{Route, can_write},
    sampling::{self, Purpose},
    stage::{Side, Sign, Stage},
    subjects::Watch,
    tee::{RequestHead, Tapped, headers_of},
};

/// An exchange's place in the mirror, from its first byte to its verdict.
#[derive(Debug)]
pub struct Held {
    ticket: Ticket,
    /// Who answers the user.
    server: Side,
    /// Number of the stage the request began in.
    stage: u64,
    watch: Option<Watch>,
    _place: OwnedSemaphorePermit,
}

impl Held {
    /// Ends the exchange's stay without a comparison.
    pub fn settle(self, fate: Fate) {
        self.ticket.settle(fate);
    }
}

/// What is known of a request when it is decided whether to mirror it.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub route: &'a Route,
    pub method: &'a Method,
    pub sticky_key: Option<&'a str>,
    pub may_switch: bool,
    pub server: Side,
    pub stage: u64,
}

/// The mirror: a queue, and workers that ask the side that did not serve.
#[derive(Debug)]
pub struct Mirror {
    config: MirrorConfig,
    candidate: Candidate,
    reference: Candidate,
    breaker: Breaker,
    places: Arc<Semaphore>,
    queue: mpsc::Sender<Tapped>,
    judge: Judge,
    redaction: Redaction,
    findings: Arc<Findings>,
    stage: Arc<Stage>,
}

/// What a mirror is made of.
#[derive(Debug)]
pub struct MirrorParts {
    pub candidate: Candidate,
    /// The reference, asked when the candidate serves.
    pub reference: Candidate,
    pub judge: Judge,
    pub redaction: Redaction,
    pub findings: Arc<Findings>,
    pub stage: Arc<Stage>,
}

impl Mirror {
    /// Starts the workers on the runtime that is current; it should not be the one that serves.
    pub fn start(config: MirrorConfig, parts: MirrorParts) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(config.capacity);
        let mirror = Arc::new(Self {
            breaker: Breaker::new(&config.breaker),
            places: Arc::new(Semaphore::new(config.capacity)),
            candidate: parts.candidate,
            reference: parts.reference,
            queue,
            judge: parts.judge,
            redaction: parts.redaction,
            findings: parts.findings,
            stage: parts.stage,
            config,
        });
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        for _ in 0..mirror.config.workers {
            // Weak: the workers end when nobody can put anything into the queue any more.
            tokio::spawn(work(Arc::downgrade(&mirror), Arc::clone(&waiting)));
        }
        mirror
    }

    /// Largest body that is kept, in bytes.
    pub fn body_cap(&self) -> usize {
        self.config.body_cap.bytes()
    }

    pub fn capacity(&self) -> usize {
        self.config.capacity
    }

    /// Exchanges held now.
    pub fn held(&self) -> usize {
        self.config.capacity - self.places.available_permits()
    }

    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Takes a place for a request, or says what becomes of it instead.
    pub fn hold(&self, facts: &Facts<'_>, ticket: Ticket, watch: Option<Watch>) -> Option<Held> {
        match self.place(facts) {
            Ok(place) => Some(Held {
                ticket,
                server: facts.server,
                stage: facts.stage,
                watch,
                _place: place,
            }),
            Err(fate) => {
                ticket.settle(fate);
                None
            }
        }
    }

    fn place(&self, facts: &Facts<'_>) -> Result<OwnedSemaphorePermit, Fate> {
        if facts.may_switch {
            return Err(Fate::Declined("upgrade"));
        }
        if self.writes(facts) == Some(WritePolicy::Skip) {
            return Err(Fate::Declined("write_policy"));
        }
        let rate = facts.route.rate.unwrap_or(self.config.rate);
        if !sampling::is_in(rate, Purpose::Mirror, facts.sticky_key) {
            return Err(Fate::SampledOut);
        }
        if self.breaker.is_refusing() {
            return Err(Fate::Dropped("breaker_open"));
        }
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Fate::Dropped("queue_full"))
    }

    /// What the side that is asked may do with this request; `None` when it cannot write.
    fn writes(&self, facts: &Facts<'_>) -> Option<WritePolicy> {
        if !facts.route.mutates && !can_write(facts.method) {
            return None;
        }
        let default = self.asked(facts.server).default_writes();
        match (facts.server, facts.route.writes) {
            // Policies speak of the candidate; the reference is never asked to write twice.
            (Side::Candidate, _) => Some(WritePolicy::Skip),
            (Side::Reference, configured) => Some(configured.unwrap_or(default)),
        }
    }

    fn asked(&self, server: Side) -> &Candidate {
        match server {
            Side::Reference => &self.candidate,
            Side::Candidate => &self.reference,
        }
    }

    /// Puts an exchange into the queue; never waits.
    pub fn offer(&self, mut tapped: Tapped) {
        if let Some(watch) = &mut tapped.held.watch {
            watch.written();
        }
        if let Err(refused) = self.queue.try_send(tapped) {
            // Places and queue are equally many, so only a queue that was closed refuses.
            let tapped = refused.into_inner();
            tapped.held.settle(Fate::Dropped("queue_full"));
        }
    }

    /// Asks the other side, compares, and settles.
    async fn judge(self: Arc<Self>, tapped: Tapped) {
        let Tapped {
            head,
            body,
            status,
            headers,
            response_body,
            held,
        } = tapped;
        let fate = match self.other_answer(&head, &body, &held).await {
            Err(fate) => {
                if matches!(fate, Fate::TimedOut | Fate::Errored(_)) {
                    self.findings.unanswered(held.ticket.route());
                }
                fate
            }
            Ok(other) => {
                let served = Observation {
                    response: exchange::Response {
                        status: status.as_u16(),
                        headers: headers_of(&headers),
                        body: response_body,
                    },
                    effects: None,
                };
                self.compare(&head, body, &held, served, other)
            }
        };
        held.settle(fate);
    }

    async fn other_answer(
        &self,
        head: &RequestHead,
        body: &bytes::Bytes,
        held: &Held,
    ) -> Result<Observation, Fate> {
        if self.stage.number() != held.stage {
            return Err(Fate::NotComparable("stage_change"));
        }
        let pass = self.breaker.pass().ok_or(Fate::Dropped("breaker_open"))?;
        let begun = Instant::now();
        let asked = self.asked(held.server).ask(head, body.clone());
        let other = match timeout(self.config.deadline.0, asked).await {
            Err(_) => return Err(Fate::TimedOut),
            Ok(Err(AskError::Failed(class))) => return Err(Fate::Errored(class)),
            Ok(Err(AskError::TooLarge)) => {
                pass.answered();
                return Err(Fate::Errored("answer_over_cap"));
            }
            Ok(Ok(other)) => other,
        };
        pass.answered();
        self.findings
            .asked(held.server.other(), held.ticket.route(), begun.elapsed());
        if held.watch.as_ref().is_some_and(Watch::is_disturbed) {
            self.findings
                .compared(held.ticket.route(), Outcome::NotComparable);
            return Err(Fate::NotComparable("state_moved"));
        }
        Ok(other)
    }

    fn compare(
        &self,
        head: &RequestHead,
        body: bytes::Bytes,
        held: &Held,
        served: Observation,
        other: Observation,
    ) -> Fate {
        let (reference, candidate) = match held.server {
            Side::Reference => (served, other),
            Side::Candidate => (other, served),
        };
        let pair = Pair {
            route: Arc::clone(held.ticket.route()),
            request: head.to_request(body),
            reference,
            candidate,
        };
        let comparison = self.judge.compare(&pair);
        let outcome = comparison.outcome;
        self.findings.compared(&pair.route, outcome);
        self.stage.observe(match outcome {
            Outcome::Diverged => Sign::Diverged,
            _ => Sign::Agreed,
        });
        if outcome == Outcome::Diverged {
            // Compared once more, so that what is kept of the differences has no secrets either.
            let kept = self.redaction.pair(&pair);
            let comparison = self.judge.compare(&kept);
            self.findings.keep(self.judge.rules(), kept, comparison);
        }
        Fate::Compared(outcome)
    }
}

/// One worker: takes exchanges one after another until the queue is closed.
async fn work(
    mirror: std::sync::Weak<Mirror>,
    waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Tapped>>>,
) {
    loop {
        let Some(tapped) = waiting.lock().await.recv().await else {
            return;
        };
        let Some(mirror) = mirror.upgrade() else {
            return;
        };
        // A task of its own: should a comparison panic, its ticket is settled while it unwinds,
        // and the worker goes on.
        if let Err(error) = tokio::spawn(mirror.judge(tapped)).await {
            tracing::error!(%error, "a comparison was given up");
        }
    }
}
