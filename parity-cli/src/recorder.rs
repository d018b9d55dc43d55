//! Recording: what a live backend answers and writes becomes fixtures.

use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use futures::future::BoxFuture;
use parity::{
    exchange::{Request, Response},
    fixture::{Scenario, Step},
};
use tokio::sync::Mutex;

use crate::{
    backend::{BackendError, HttpClient},
    database::{DatabaseError, RowCapture, TestDatabase},
    http_server::{Handler, plain},
};

/// Passes requests on to a backend and keeps what became of them, in the order they came.
#[derive(Debug)]
pub struct Recorder {
    client: HttpClient,
    /// Held for the time of a request where rows are recorded: only then it is known whose they are.
    rows: Option<Mutex<RowCapture>>,
    scenario: String,
    steps: parking_lot::Mutex<Vec<Step>>,
}

impl Recorder {
    /// A recorder of one scenario. With a database the rows each request changes are recorded, and
    /// requests go to the backend one at a time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start(
        client: HttpClient,
        database: Option<&TestDatabase>,
        scenario: &str,
    ) -> Result<Self, DatabaseError> {
        let rows = match database {
            Some(database) => Some(Mutex::new(database.reset().await?)),
            None => None,
        };
        Ok(Self {
            client,
            rows,
            scenario: scenario.to_owned(),
            steps: parking_lot::Mutex::default(),
        })
    }

    /// Sends a request and records the answer; one without an answer is not recorded.
    ///
    /// # Errors
    /// There is no answer, or the database does not say what changed.
    pub async fn record(&self, request: Request) -> Result<Response, BackendError> {
        let mut rows = match &self.rows {
            Some(rows) => Some(rows.lock().await),
            None => None,
        };
        let clock = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let started = Instant::now();
        let response = self.client.send(&request).await?;
        let latency = u64::try_from(started.elapsed().as_micros()).ok();
        let effects = match &mut rows {
            Some(rows) => Some(rows.take().await?),
            None => None,
        };
        let mut steps = self.steps.lock();
        let step = u32::try_from(steps.len() + 1).unwrap_or(u32::MAX);
        steps.push(Step {
            scenario: self.scenario.clone(),
            step,
            tags: Vec::new(),
            clock: Some(clock),
            sql_before: None,
            redis_flush_before: false,
            request,
            response: response.clone(),
            latency_us: latency,
            effects,
            cache: None,
        });
        Ok(response)
    }

    /// How many requests were recorded.
    pub fn len(&self) -> usize {
        self.steps.lock().len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was recorded so far.
    pub fn scenario(&self) -> Scenario {
        Scenario {
            name: self.scenario.clone(),
            steps: self.steps.lock().clone(),
        }
    }
}

impl Handler for Recorder {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            self.record(request)
                .await
                .unwrap_or_else(|error| match error {
                    BackendError::TimedOut(_) => plain(504, &error.to_string()),
                    error => plain(502, &error.to_string()),
                })
        })
    }
}
