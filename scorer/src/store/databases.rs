//! Connections to PostgreSQL.

use std::time::Duration;

use sqlx::{
    Connection as _, Executor as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::settings::{ReadDatabase, Secret, Settings};

/// How long a request waits for a connection: a database that is down must not hold requests.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a connection may lie idle before it is looked at ahead of its use: a look is a round
/// trip, and a database that was restarted has ended the connections of before.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Keeps PostgreSQL from planning a statement anew for every call, which takes longer than running
/// it. Left to itself, it may do so by its statistics. PostgreSQL before 12 has no such setting, and
/// is left as it is.
const PLAN_ONCE: &str = "SELECT set_config(name, 'force_generic_plan', false) FROM pg_settings WHERE name = 'plan_cache_mode'";

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
