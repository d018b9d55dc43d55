//! The two sides of a replay: recorded answers, the embedded scorer, or a live service over HTTP.

mod embedded;
mod http;
mod live;
mod raw_target;
mod recorded;

use std::{fmt, time::Duration};

use futures::future::BoxFuture;
use parity::{
    clocks::Span,
    compare::Observation,
    exchange::Request,
    fixture::{Cache, Scenario, Step},
};

use crate::database::{DatabaseError, SeedRows};

pub use embedded::Embedded;
pub use http::HttpClient;
pub use live::Live;
pub use recorded::Recorded;

/// Something that answers requests of a scenario, each scenario from the same state.
pub trait Backend: fmt::Debug + Send + Sync {
    /// What this is, for people.
    fn describe(&self) -> String;

    /// How many scenarios it can play at the same time without one seeing the other.
    fn concurrency(&self) -> usize;

    /// Brings the backend into the state every scenario starts from.
    fn begin<'a>(
        &'a self,
        scenario: &'a Scenario,
    ) -> BoxFuture<'a, Result<Box<dyn Session + 'a>, BackendError>>;

    /// The rows every scenario starts from; none where there is no database to read them from.
    fn seed_rows(&self) -> BoxFuture<'_, Result<Option<SeedRows>, DatabaseError>> {
        Box::pin(async { Ok(None) })
    }

    /// Stops and cleans up whatever was started.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// One scenario being played; its steps are asked for in order.
pub trait Session: Send {
    /// Prepares the state the step asks for (clock, SQL, cache) and sends the request, which is the
    /// step's with numbers replaced that this side made up itself.
    fn answer<'a>(
        &'a mut self,
        step: &'a Step,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Answer, BackendError>>;

    /// Gives back what the scenario used.
    fn end<'a>(self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a;
}

/// What one side did with a request.
#[derive(Debug)]
pub struct Answer {
    pub observation: Observation,
    /// Cache entries the request set; absent where they cannot be seen.
    pub cache: Option<Cache>,
    /// From the first byte sent to the last received; absent where nobody measured.
    pub latency: Option<Duration>,
    /// What the clock of this side can have shown meanwhile; absent where nobody knows.
    pub clock: Option<Span>,
}

/// Why a side has no answer.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The question cannot be put to this side; no fault of its.
    #[error("{0}")]
    CannotAsk(String),
    #[error("no answer: {0}")]
    Broken(String),
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
