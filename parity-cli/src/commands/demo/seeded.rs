//! The scorer with three deliberate faults that can be switched on.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use parity::{
    compare::Observation,
    exchange::{Headers, Response},
};
use parking_lot::Mutex;
use scorer::{
    message::{Mode, Reply, Request},
    service::Service,
};
use shadow_proxy::candidate::embedded::Scorer;

use crate::{backend::Answer, faulty::Fault};

/// Each fault on one route, so that it is one cause: fault of the catalogue, route.
pub(super) const SEEDED: [(&str, &str); 3] = [
    ("status-not-found-as-bad-request", "v2-score"),
    ("header-nosniff-missing", "allow-list"),
    ("body-number-as-text", "stake-gtc"),
];

/// The scorer, faultless until the faults are switched on.
pub(super) struct SeededScorer {
    service: Service,
    seeded: AtomicBool,
    /// Since this was last asked.
    given: Mutex<Given>,
}

/// What the scorer gave.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The latest answer.
    pub(super) answer: Option<Response>,
    /// Faults that spoilt an answer.
    pub(super) struck: Vec<&'static str>,
}

impl SeededScorer {
    pub(super) fn new(service: Service) -> Self {
        Self {
            service,
            seeded: AtomicBool::new(false),
            given: Mutex::default(),
        }
    }

    pub(super) fn switch_faults_on(&self) {
        self.seeded.store(true, Ordering::Relaxed);
    }

    /// What it gave since the last call.
    pub(super) fn take_given(&self) -> Given {
        std::mem::take(&mut self.given.lock())
    }

    fn spoil(&self, reply: &mut Reply) {
        for (name, route) in SEEDED {
            let Some(fault) = Fault::named(name).filter(|_| reply.route == route) else {
                continue;
            };
            let response = &mut reply.response;
            let mut answer = Answer {
                observation: Observation {
                    response: Response {
                        status: response.status,
                        headers: Headers(std::mem::take(&mut response.headers)),
                        body: response.body.clone(),
                    },
                    effects: None,
                },
                cache: None,
                latency: None,
                clock: None,
            };
            if fault.strike(&mut answer) {
                self.given.lock().struck.push(name);
            }
            let spoilt = answer.observation.response;
            response.status = spoilt.status;
            response.headers = spoilt.headers.0;
            response.body = spoilt.body;
        }
    }
}

impl Scorer for SeededScorer {
    fn call(&self, request: Request, mode: Mode) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let get = request.method == "GET";
            let mut reply = self.service.call(request, mode).await;
            // Other methods have other causes: the faults are to be one each.
            if get && self.seeded.load(Ordering::Relaxed) {
                self.spoil(&mut reply);
            }
            self.given.lock().answer = Some(Response {
                status: reply.response.status,
                headers: Headers(reply.response.headers.clone()),
                body: reply.response.body.clone(),
            });
            reply
        })
    }
}
