//! A candidate with one deliberate fault, to show that the tools find it. Never a side of a real
//! comparison: `doctor` and the tests use it.

mod catalogue;
mod change;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::future::BoxFuture;
use parity::{
    compare::Observation,
    exchange::Request,
    fixture::{Scenario, Step},
};

use crate::{
    backend::{Answer, Backend, BackendError, Session},
    database::{DatabaseError, SeedRows},
};

pub use catalogue::FAULTS;
pub use change::Change;

/// Where a fault shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Status,
    Header,
    Body,
    Decimal,
    Time,
    Order,
    Rows,
    Authentication,
    RateLimit,
    Cache,
}

/// One deliberate fault.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Says what goes wrong: `status-created-as-ok`.
    pub name: &'static str,
    pub layer: Layer,
    pub change: Change,
}

impl Fault {
    /// The fault with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FAULTS.iter().find(|fault| fault.name == name)
    }

    /// Whether it would change anything in the recorded answer to this step.
    pub fn strikes_recorded(&self, step: &Step) -> bool {
        self.strike(&mut Answer {
            observation: Observation {
                response: step.response.clone(),
                effects: step.effects.clone(),
            },
            cache: step.cache.clone(),
            latency: None,
            clock: None,
        })
    }

    /// Spoils the answer and says whether there was anything to spoil.
    pub fn strike(&self, answer: &mut Answer) -> bool {
        self.change.apply(answer)
    }
}

/// A backend whose answers all suffer from one fault.
#[derive(Debug)]
pub struct FaultyCandidate {
    inner: Arc<dyn Backend>,
    fault: &'static Fault,
    has_struck: AtomicBool,
}

impl FaultyCandidate {
    pub fn new(inner: Arc<dyn Backend>, fault: &'static Fault) -> Self {
        Self {
            inner,
            fault,
            has_struck: AtomicBool::new(false),
        }
    }

    /// Whether any answer so far had something to spoil.
    pub fn has_struck(&self) -> bool {
        self.has_struck.load(Ordering::Relaxed)
    }
}

impl Backend for FaultyCandidate {
    fn describe(&self) -> String {
        format!(
            "{} with the fault {}",
            self.inner.describe(),
            self.fault.name
        )
    }

    fn concurrency(&self) -> usize {
        self.inner.concurrency()
    }

    fn begin<'a>(
        &'a self,
        scenario: &'a Scenario,
    ) -> BoxFuture<'a, Result<Box<dyn Session + 'a>, BackendError>> {
        Box::pin(async move {
            let inner = self.inner.begin(scenario).await?;
            Ok(Box::new(FaultySession {
                inner,
                candidate: self,
            }) as Box<dyn Session>)
        })
    }

    fn seed_rows(&self) -> BoxFuture<'_, Result<Option<SeedRows>, DatabaseError>> {
        self.inner.seed_rows()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

struct FaultySession<'s> {
    inner: Box<dyn Session + 's>,
    candidate: &'s FaultyCandidate,
}

impl Session for FaultySession<'_> {
    fn answer<'a>(
        &'a mut self,
        step: &'a Step,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Answer, BackendError>> {
        Box::pin(async move {
            let mut answer = self.inner.answer(step, request).await?;
            if self.candidate.fault.strike(&mut answer) {
                self.candidate.has_struck.store(true, Ordering::Relaxed);
            }
            Ok(answer)
        })
    }

    fn end<'a>(self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a,
    {
        self.inner.end()
    }
}
