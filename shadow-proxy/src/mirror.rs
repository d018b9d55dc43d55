//! What is mirrored, and the bounded queue it waits in.
//!
//! A request that is to be mirrored takes one of a fixed number of places before its first byte is
//! kept, and gives it back with its verdict: bodies held at any time are bounded by the number of
//! places and the cap on a body, whatever the candidate does.

pub mod budget;
mod machine;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::Method;
use parity::{
    clocks::Span,
    compare::{Comparison, Observation},
    exchange,
    outcome::Outcome,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

use self::budget::Budget;
use crate::{
    accounts::{Fate, Ticket},
    candidate::{AskError, Candidate, breaker::Breaker},
    config::{MirrorConfig, WritePolicy},
    findings::{Findings, Pair},
    judge::Judge,
    noise::{Noise, Probe},
    redaction::Redaction,
    route::{Route, can_write},
    rows::{Compared, Look, Rows, Seen},
    sampling::{self, Purpose},
    stage::{Side, Sign, Stage},
    subjects::Watch,
    tee::{RequestCapture, RequestHead, Tapped, headers_of},
    verdicts::rows_of,
};

/// An exchange's place in the mirror, from its first byte to its verdict.
#[derive(Debug)]
pub struct Held {
    ticket: Ticket,
    /// Who answers the user.
    server: Side,
    /// Number of the stage the request began in.
    stage: u64,
    /// When it was sent to whoever serves, and when the answer was over.
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
    watch: Option<Watch>,
    /// Share of which the reference is asked twice.
    noise_share: f64,
    /// A look at the rows that the request may change.
    look: Option<Look>,
    _place: OwnedSemaphorePermit,
}

impl Held {
    /// While the side that serves answered.
    fn span(&self) -> Span {
        Span {
            from: self.began,
            to: self.ended,
        }
    }

    /// Whether another request may have changed what both sides read.
    fn is_disturbed(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::is_disturbed)
    }

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
    /// Share of which the reference is asked twice when it serves.
    pub noise_share: f64,
}

/// The mirror: a queue, and workers that ask the side that did not serve.
#[derive(Debug)]
pub struct Mirror {
    config: MirrorConfig,
    candidate: Candidate,
    reference: Candidate,
    breaker: Breaker,
    budget: Arc<Budget>,
    places: Arc<Semaphore>,
    queue: mpsc::Sender<Tapped>,
    judge: Judge,
    rows: Option<Arc<Rows>>,
    noise: Option<Noise>,
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
    /// Absent: rows are not compared.
    pub rows: Option<Arc<Rows>>,
    /// Absent: the reference is asked once.
    pub noise: Option<Noise>,
    pub redaction: Redaction,
    pub findings: Arc<Findings>,
    pub stage: Arc<Stage>,
    pub budget: Arc<Budget>,
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
            rows: parts.rows,
            noise: parts.noise,
            redaction: parts.redaction,
            findings: parts.findings,
            stage: parts.stage,
            budget: parts.budget,
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

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    pub fn noise(&self) -> Option<&Noise> {
        self.noise.as_ref()
    }

    /// Begins to look at the rows that a request may change, before it is sent; never waits.
    pub fn look(&self, held: &mut Held, route: &Route, head: &RequestHead, body: &RequestCapture) {
        if let Some(rows) = &self.rows
            && held.server == Side::Reference
            && route.mutates
        {
            let address = held.watch.as_ref().map(Watch::subject);
            held.look = rows.begin(&route.name, address, head, body.whole());
        }
    }

    /// Takes a place for a request, or says what becomes of it instead.
    pub fn hold(&self, facts: &Facts<'_>, ticket: Ticket, watch: Option<Watch>) -> Option<Held> {
        let place = match self.place(facts) {
            Ok(place) => place,
            Err(fate) => {
                ticket.settle(fate);
                return None;
            }
        };
        let now = Utc::now();
        Some(Held {
            began: now,
            ended: now,
            ticket,
            server: facts.server,
            stage: facts.stage,
            watch,
            noise_share: match facts.server {
                Side::Reference => facts.noise_share,
                Side::Candidate => 0.0,
            },
            look: None,
            _place: place,
        })
    }

    /// Share of the requests of a route that is mirrored.
    pub fn rate(&self, route: &Route) -> f64 {
        route.rate.unwrap_or(self.config.rate)
    }

    fn place(&self, facts: &Facts<'_>) -> Result<OwnedSemaphorePermit, Fate> {
        if facts.may_switch {
            return Err(Fate::Declined("upgrade"));
        }
        if self.writes(facts) == Some(WritePolicy::Skip) {
            return Err(Fate::Declined("write_policy"));
        }
        if !sampling::is_in(self.rate(facts.route), Purpose::Mirror, facts.sticky_key) {
            return Err(Fate::SampledOut);
        }
        if self.breaker.is_refusing() {
            return Err(Fate::Dropped("breaker_open"));
        }
        if !self.budget.admits() {
            return Err(Fate::Dropped("processors_busy"));
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
        tapped.held.ended = Utc::now();
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
            mut held,
        } = tapped;
        let served = Observation {
            response: exchange::Response {
                status: status.as_u16(),
                headers: headers_of(&headers),
                body: response_body,
            },
            effects: None,
        };
        let probe = self.noise.as_ref().and_then(|noise| {
            let probe = noise.draw(held.ticket.route(), held.noise_share, &head)?;
            Some((noise, probe))
        });
        let fate = match probe {
            Some((noise, probe)) if probe.before_candidate => {
                self.learn(noise, probe, &head, &body, &held, &served).await;
                self.compare(&head, &body, &mut held, served).await
            }
            None => self.compare(&head, &body, &mut held, served).await,
            Some((noise, probe)) => {
                let fate = self.compare(&head, &body, &mut held, served.clone()).await;
                self.learn(noise, probe, &head, &body, &held, &served).await;
                fate
            }
        };
        held.settle(fate);
    }

    /// Asks the reference again and compares it with itself.
    async fn learn(
        &self,
        noise: &Noise,
        probe: Probe,
        head: &RequestHead,
        body: &bytes::Bytes,
        held: &Held,
        served: &Observation,
    ) {
        let began = Utc::now();
        let asked = noise.ask(&self.reference, head, body.clone(), self.config.deadline.0);
        let again = match asked.await {
            Ok(again) => again,
            Err(fate) => return probe.settle(fate),
        };
        let asking = Span {
            from: began,
            to: Utc::now(),
        };
        if held.is_disturbed() {
            return probe.settle(Fate::NotComparable("state_moved"));
        }
        let pair = Pair {
            route: Arc::clone(held.ticket.route()),
            request: head.to_request(body.clone()),
            reference: served.clone(),
            candidate: again,
            clocks: Some([held.span(), asking].map(|span| self.widened(span))),
        };
        let comparison = self.judge.compare(&pair);
        self.findings
            .compared_with_itself(&pair.route, comparison.outcome);
        noise.learn(probe, &self.judge.route(&pair), &comparison);
    }

    /// Asks the other side and compares; the rows too, where the candidate looked at them in time.
    async fn compare(
        &self,
        head: &RequestHead,
        body: &bytes::Bytes,
        held: &mut Held,
        served: Observation,
    ) -> Fate {
        let seen = match held.look.take() {
            Some(look) => {
                let (ticket, seen) = look.finish().await;
                match seen {
                    Ok(seen) => Some((ticket, seen)),
                    Err(fate) => {
                        self.settle_rows(ticket, fate);
                        None
                    }
                }
            }
            None => None,
        };
        let early = seen.as_ref().map(|(_, seen)| seen);
        let (other, span) = match self.other_answer(head, body, held, early).await {
            Ok(other) => other,
            Err(fate) => {
                if matches!(fate, Fate::TimedOut | Fate::Errored(_)) {
                    self.findings.unanswered(held.ticket.route());
                }
                if let Some((ticket, _)) = seen {
                    self.settle_rows(ticket, fate);
                }
                return fate;
            }
        };
        let ((reference, ours), (candidate, theirs)) = match held.server {
            Side::Reference => ((served, held.span()), (other, span)),
            Side::Candidate => ((other, span), (served, held.span())),
        };
        let mut pair = Pair {
            route: Arc::clone(held.ticket.route()),
            request: head.to_request(body.clone()),
            reference,
            candidate,
            clocks: Some([ours, theirs].map(|span| self.widened(span))),
        };
        let Some((ticket, seen)) = seen else {
            let comparison = self.judge.compare(&pair);
            return self.conclude(pair, comparison);
        };
        let Compared { comparison, rows } = seen.compare(&self.judge, &mut pair).await;
        if held.is_disturbed() {
            self.settle_rows(ticket, Fate::NotComparable("state_moved"));
            return self.state_moved(held);
        }
        self.settle_rows(ticket, rows);
        self.conclude(pair, comparison)
    }

    /// The answer of the side that did not serve: from before the reference wrote where the
    /// candidate was asked then.
    async fn other_answer(
        &self,
        head: &RequestHead,
        body: &bytes::Bytes,
        held: &Held,
        early: Option<&Seen>,
    ) -> Result<(Observation, Span), Fate> {
        if self.stage.number() != held.stage {
            return Err(Fate::NotComparable("stage_change"));
        }
        let (other, span) = match early {
            Some(seen) => (seen.answer.clone(), seen.answering),
            None => self.ask(head, body, held).await?,
        };
        let took = (span.to - span.from).to_std().unwrap_or_default();
        self.findings
            .asked(held.server.other(), held.ticket.route(), took);
        if held.is_disturbed() {
            return Err(self.state_moved(held));
        }
        Ok((other, span))
    }

    async fn ask(
        &self,
        head: &RequestHead,
        body: &bytes::Bytes,
        held: &Held,
    ) -> Result<(Observation, Span), Fate> {
        let pass = self.breaker.pass().ok_or(Fate::Dropped("breaker_open"))?;
        let from = Utc::now();
        let asked = self.asked(held.server).ask(head, body.clone());
        let other = match timeout(self.config.deadline.0, asked).await {
            Err(_) => return Err(Fate::TimedOut),
            Ok(Err(AskError::Failed(class))) => return Err(Fate::Errored(class)),
            // A failure for the breaker too: each costs a body up to the cap and a connection.
            Ok(Err(AskError::TooLarge)) => return Err(Fate::Errored("answer_over_cap")),
            Ok(Ok(other)) => other,
        };
        pass.answered();
        let to = Utc::now();
        Ok((other, Span { from, to }))
    }

    /// What a clock can have shown that is not the one of this machine.
    fn widened(&self, span: Span) -> Span {
        let skew = self.config.clock_skew.0;
        Span {
            from: span.from - skew,
            to: span.to + skew,
        }
    }

    fn state_moved(&self, held: &Held) -> Fate {
        self.findings
            .compared(held.ticket.route(), Outcome::NotComparable);
        Fate::NotComparable("state_moved")
    }

    /// Rows have a verdict of their own: they may be not comparable where the answers are.
    fn settle_rows(&self, ticket: Ticket, fate: Fate) {
        let outcome = match fate {
            Fate::Compared(outcome) => Some(outcome),
            Fate::TimedOut | Fate::Errored(_) | Fate::NotComparable(_) => {
                Some(Outcome::NotComparable)
            }
            Fate::SampledOut | Fate::Declined(_) | Fate::Dropped(_) => None,
        };
        if let Some(outcome) = outcome {
            self.findings.compared(&rows_of(ticket.route()), outcome);
        }
        ticket.settle(fate);
    }

    /// Counts what was found, and keeps a divergence.
    fn conclude(&self, pair: Pair, comparison: Comparison) -> Fate {
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
