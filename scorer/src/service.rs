//! The service as a function: a request in, a response and the rows it goes with out.

use std::num::NonZero;

use tokio::sync::Semaphore;

use crate::{
    api,
    auth::api_key::SlowHash,
    cache::Cache,
    clock::Clock,
    credential::Verifier,
    domain::rules::{HumanPointsRules, Rules},
    message::{Mode, Reply, Request, Response},
    settings::{ReadDatabase, Secret, Settings},
    store::scoring::Engine,
};

pub use crate::store::databases::{DatabaseError, Databases};

/// Verified proofs remembered.
const VERIFIED_PROOFS: usize = 100_000;

/// Everything that answering a request needs. Shared between requests.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    databases: Databases,
    cache: Cache,
    clock: Clock,
    engine: Engine,
    /// One slow hash per core at a time, so that wrong keys cannot take the machine.
    slow_hashes: Semaphore,
}

impl Service {
    #[must_use]
    pub fn new(settings: Settings, databases: Databases, cache: Cache, clock: Clock) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let engine = Engine::new(
            databases.primary.clone(),
            rules(&settings),
            Verifier::new(VERIFIED_PROOFS),
            clock.clone(),
        )
        .with_registry(match settings.registry_read {
            ReadDatabase::Default => None,
            ReadDatabase::Replica | ReadDatabase::AnalyticsReplica => Some(databases.read.clone()),
        });
        Self {
            settings,
            databases,
            cache,
            clock,
            engine,
            slow_hashes: Semaphore::new(cores),
        }
    }

    /// Answers a request. Never fails: errors are responses, as in the Python service.
    pub async fn call(&self, request: Request, mode: Mode) -> Reply {
        api::answer(self, &request, mode).await
    }

    /// The 500 page, for a failure outside of [`call`](Self::call).
    pub(crate) fn server_error(&self) -> Response {
        api::server_error(self)
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    #[must_use]
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Verifies a slow key hash off the executor.
    pub(crate) async fn verify_slowly(&self, hash: SlowHash, key: Secret) -> bool {
        // Neither the semaphore is ever closed nor does the verification panic; were it otherwise,
        // the key would count as wrong.
        let Ok(_permit) = self.slow_hashes.acquire().await else {
            return false;
        };
        tokio::task::spawn_blocking(move || hash.verify(&key))
            .await
            .unwrap_or(false)
    }
}

fn rules(settings: &Settings) -> Rules {
    Rules {
        trusted_issuers: settings.trusted_iam_issuers.clone(),
        multi_nullifier: settings.multi_nullifier,
        human_points: HumanPointsRules {
            enabled: settings.human_points_enabled,
            start_timestamp: settings.human_points_start_timestamp,
            mta_enabled: settings.human_points_mta_enabled,
        },
    }
}
