//! The service as a function: a request in, a response and the rows it goes with out.

use std::{num::NonZero, time::Duration};

use sqlx::{
    Connection as _, Executor as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
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

/// How long a request waits for a connection: a database that is down must not hold requests.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a connection may lie idle before it is looked at ahead of its use: a look is a round
/// trip, and a database that was restarted has ended the connections of before.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Keeps PostgreSQL from planning a statement anew for every call, which takes longer than running
/// it. Left to itself, it may do so by its statistics. PostgreSQL before 12 has no such setting, and
/// is left as it is.
const PLAN_ONCE: &str = "SELECT set_config(name, 'force_generic_plan', false) FROM pg_settings WHERE name = 'plan_cache_mode'";
/// Verified proofs remembered.
const VERIFIED_PROOFS: usize = 100_000;

/// Connection pools.
#[derive(Debug, Clone)]
pub struct Databases {
    /// Reads and writes.
    pub primary: PgPool,
    /// Look-ups of communities and stakes: `REGISTRY_API_READ_DB`.
    pub read: PgPool,
}

/// A database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL itself may hold a password and is not shown.
    #[error("{0} is no PostgreSQL URL")]
    Url(&'static str),
}

impl Databases {
    /// The databases of the settings. Connections are made when first needed, so a database that is
    /// down stops no start.
    ///
    /// # Errors
    /// A URL that is none.
    pub fn connect(settings: &Settings) -> Result<Self, DatabaseError> {
        let pool = |url: Option<&Secret>, name: &'static str| {
            let options: PgConnectOptions = url
                .and_then(|url| url.expose().parse().ok())
                .ok_or(DatabaseError::Url(name))?;
            Ok(PgPoolOptions::new()
                .max_connections(settings.database_pool_size)
                .acquire_timeout(ACQUIRE)
                .test_before_acquire(false)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        connection.execute(PLAN_ONCE).await?;
                        Ok(())
                    })
                })
                .before_acquire(|connection, metadata| {
                    Box::pin(async move {
                        if metadata.idle_for > TRUSTED_IDLE {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
                .connect_lazy_with(options.application_name("scorer")))
        };
        let primary = pool(settings.database_url.as_ref(), "DATABASE_URL")?;
        let read = match settings.registry_read {
            ReadDatabase::Default => primary.clone(),
            ReadDatabase::Replica => {
                pool(settings.read_replica_url.as_ref(), "READ_REPLICA_0_URL")?
            }
            ReadDatabase::AnalyticsReplica => pool(
                settings.analytics_replica_url.as_ref(),
                "READ_REPLICA_ANALYTICS_URL",
            )?,
        };
        Ok(Self { primary, read })
    }

    /// One database for everything.
    #[must_use]
    pub fn single(pool: PgPool) -> Self {
        Self {
            read: pool.clone(),
            primary: pool,
        }
    }
}

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
