//! The scorer inside this process, answering without writing.

pub mod rows;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use parity::{compare::Observation, exchange};
use scorer::message::{Mode, Reply, Request};

use crate::tee::RequestHead;

/// Answers requests in this process.
pub trait Scorer: Send + Sync {
    fn call(&self, request: Request, mode: Mode) -> BoxFuture<'_, Reply>;
}

impl Scorer for scorer::service::Service {
    fn call(&self, request: Request, mode: Mode) -> BoxFuture<'_, Reply> {
        Box::pin(Self::call(self, request, mode))
    }
}

/// A scorer that is asked in dry-run mode: no row is written, no lock is taken.
#[derive(Clone)]
pub struct Embedded(Arc<dyn Scorer>);

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Embedded")
    }
}

impl Embedded {
    pub fn new(scorer: Arc<dyn Scorer>) -> Self {
        Self(scorer)
    }

    /// Answers in dry-run mode. The rows are left out: they are changes of the rows as they are
    /// now, which the reference may have changed already.
    pub async fn ask(&self, head: &RequestHead, body: Bytes) -> Observation {
        Observation {
            effects: None,
            ..self.ask_for_rows(head, body).await
        }
    }

    /// Answers in dry-run mode, with the rows that would have been written.
    pub async fn ask_for_rows(&self, head: &RequestHead, body: Bytes) -> Observation {
        let reply = self.0.call(message(head, body), Mode::DryRun).await;
        Observation {
            response: exchange::Response {
                status: reply.response.status,
                headers: exchange::Headers(reply.response.headers),
                body: reply.response.body,
            },
            effects: Some(rows::effects(&reply.effects)),
        }
    }

    /// Answers for a user: rows are written.
    pub async fn serve(&self, head: &RequestHead, body: Bytes) -> Reply {
        let request = message(head, body);
        self.0.call(request, Mode::CommitUnlisted).await
    }
}

fn message(head: &RequestHead, body: Bytes) -> Request {
    let request = head.to_request(body);
    Request {
        method: request.method,
        target: request.target,
        headers: request.headers.0,
        body: request.body,
    }
}
