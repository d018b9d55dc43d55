//! Clones of a template database, one for each scenario played at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

use scorer::embedded::Postgres;
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::DatabaseError;

/// Connections of one service under test.
const POOL_SIZE: u32 = 4;

/// Databases on a server of which this run owns the names.
#[derive(Debug)]
pub(super) struct Clones {
    server: PgConnectOptions,
    template: String,
    made: AtomicU64,
}

impl Clones {
    /// An empty template on this server.
    pub(super) async fn create(postgres: &Postgres) -> Result<Self, DatabaseError> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let server = postgres.connect_options().clone();
        let template = format!(
            "parity_replay_{}_{}",
            std::process::id(),
            RUNS.fetch_add(1, Ordering::Relaxed)
        );
        let mut connection = connect(&server).await?;
        drop_database(&mut connection, &template)
            .await
            .map_err(DatabaseError::query(
                "dropping an earlier template database",
            ))?;
        execute(&mut connection, format!("CREATE DATABASE {template}"))
            .await
            .map_err(DatabaseError::query("creating the template database"))?;
        Ok(Self {
            server,
            template,
            made: AtomicU64::new(0),
        })
    }

    /// Connections to the template. They have to be closed before the first clone is made.
    pub(super) fn template_pool(&self) -> PgPool {
        self.pool(&self.template, 1)
    }

    /// One more clone.
    pub(super) async fn make(&self) -> Result<PgPool, DatabaseError> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_{number}", self.template);
        let mut connection = connect(&self.server).await?;
        execute(
            &mut connection,
            format!("CREATE DATABASE {name} TEMPLATE {}", self.template),
        )
        .await
        .map_err(DatabaseError::query("cloning the template database"))?;
        Ok(self.pool(&name, POOL_SIZE))
    }

    fn pool(&self, database: &str, size: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(size)
            .test_before_acquire(false)
            .connect_lazy_with(self.server.clone().database(database))
    }

    /// Drops the template and every clone, in use or not.
    pub(super) async fn close(&self) {
        if let Err(error) = self.drop_all().await {
            tracing::warn!(%error, "databases of this run are left behind");
        }
    }

    async fn drop_all(&self) -> Result<(), DatabaseError> {
        let mut connection = connect(&self.server).await?;
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT datname::text FROM pg_database
             WHERE datname = $1 OR starts_with(datname, $1 || '_')",
        )
        .bind(&self.template)
        .fetch_all(&mut connection)
        .await
        .map_err(DatabaseError::query("listing the databases of this run"))?;
        for name in names {
            drop_database(&mut connection, &name)
                .await
                .map_err(DatabaseError::query("dropping a database of this run"))?;
        }
        Ok(())
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, DatabaseError> {
    PgConnection::connect_with(options)
        .await
        .map_err(DatabaseError::query("connecting to the database"))
}

async fn drop_database(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    execute(
        connection,
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    )
    .await
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}
