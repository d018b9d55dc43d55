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
    /// Faults that spoilt an answer since this was last asked.
    struck: Mutex<Vec<&'static str>>,
}

impl SeededScorer {
    pub(super) fn new(service: Service) -> Self {
        Self {
            service,
            seeded: AtomicBool::new(false),
            struck: Mutex::default(),
        }
    }

    pub(super) fn switch_faults_on(&self) {
        self.seeded.store(true, Ordering::Relaxed);
    }

    /// Faults that spoilt an answer since the last call.
    pub(super) fn take_struck(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.struck.lock())
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
                self.struck.lock().push(name);
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
            reply
        })
    }
}
