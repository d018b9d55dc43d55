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
/// How PostgreSQL is to plan for the scorer, whatever its statistics say: a statement once for a
/// connection, because planning takes longer than running; and without bitmaps. A scoring replaces
/// all stamps of its passport, and a plain scan of an index marks the entries of rows that are gone,
/// where a bitmap visits all of them up to the next vacuum. PostgreSQL before 12 has no such
/// setting of the first kind, and is left as it is there.
const PLANNING: &str = "SELECT set_config(name, CASE name WHEN 'enable_bitmapscan' THEN 'off' ELSE 'force_generic_plan' END, false)
    FROM pg_settings WHERE name IN ('plan_cache_mode', 'enable_bitmapscan')";

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
                        connection.execute(PLANNING).await?;
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
