//! The database of a live backend: reset in place, and only if somebody said that it is for tests.

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    DatabaseError, RowCapture, Seed, SeedRows,
    capture::{self, SCHEMA, Table, identifier},
    restore::{self, PRISTINE},
};

/// The comment a database has to carry before anything in it is deleted.
pub const TEST_DATABASE_MARK: &str = "parity test database";

/// A database that may be emptied and filled again while a backend works on it.
#[derive(Debug)]
pub struct TestDatabase {
    pool: PgPool,
    tables: Vec<Table>,
    /// Has the database for this run, until it is closed.
    claim: Option<PgConnection>,
}

/// Which advisory lock a run takes.
const LOCK: &str = "hashtextextended('parity test database', 0)";

impl TestDatabase {
    /// Empties the database, loads the seed and keeps the result to reset to. Without a seed the
    /// present content is kept. A database without tables gets the schema of the service first.
    ///
    /// # Errors
    /// The database cannot be reached, is not marked as a test database, is in use by a run, its role
    /// may not switch triggers off, or the seed does not load.
    pub async fn open(url: &str, seed: Option<&Seed>) -> Result<Self, DatabaseError> {
        let options: PgConnectOptions = url
            .parse()
            .map_err(DatabaseError::query("reading the database URL"))?;
        let pool = PgPoolOptions::new()
            .max_connections(3)
            .acquire_timeout(std::time::Duration::from_secs(5))
            // A seed holds values.
            .connect_with(options.disable_statement_logging())
            .await
            .map_err(DatabaseError::query("connecting to the test database"))?;
        let mut connection = pool
            .acquire()
            .await
            .map_err(DatabaseError::query("connecting to the test database"))?;
        let (name, mark): (String, Option<String>) = sqlx::query_as(
            "SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database
             WHERE datname = current_database()",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(DatabaseError::query(
            "looking for the mark of a test database",
        ))?;
        if mark.as_deref() != Some(TEST_DATABASE_MARK) {
            return Err(DatabaseError::NotMarked {
                statement: format!(
                    "COMMENT ON DATABASE {} IS '{TEST_DATABASE_MARK}'",
                    identifier(&name)
                ),
                name,
            });
        }
        let claim = claim(&pool, name).await?;
        if capture::tables(&mut connection).await?.is_empty() {
            scorer::embedded::migrate(&pool).await?;
        }
        let tables = capture::tables(&mut connection).await?;
        if let Some(seed) = seed {
            let names: Vec<_> = tables.iter().map(Table::quoted).collect();
            let empty = format!("TRUNCATE {} RESTART IDENTITY CASCADE", names.join(", "));
            sqlx::raw_sql(AssertSqlSafe(empty))
                .execute(&mut *connection)
                .await
                .map_err(DatabaseError::query("emptying the test database"))?;
            seed.load(&mut connection).await?;
        }
        capture::install(&mut connection, &tables).await?;
        restore::keep(&mut connection, &tables).await?;
        drop(connection);
        Ok(Self {
            pool,
            tables,
            claim: Some(claim),
        })
    }

    /// Brings every table that changed back to where it was.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn reset(&self) -> Result<RowCapture, DatabaseError> {
        let mut connection = self
            .pool
            .acquire()
            .await
            .map_err(DatabaseError::query("connecting to the test database"))?;
        restore::run(&mut connection).await?;
        Ok(RowCapture::new(self.pool.clone(), &self.tables))
    }

    /// The rows it is reset to; it has to be reset.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn seed_rows(&self) -> Result<SeedRows, DatabaseError> {
        let mut connection = self
            .pool
            .acquire()
            .await
            .map_err(DatabaseError::query("connecting to the test database"))?;
        SeedRows::read(&mut connection, &self.tables).await
    }

    /// Runs SQL that belongs to a scenario.
    ///
    /// # Errors
    /// What the database answered.
    pub async fn prepare(&self, sql: &str) -> Result<(), sqlx::Error> {
        super::fresh::run_for_scenario(&self.pool, sql).await
    }

    /// Takes out everything that was added to watch and reset the database, and leaves it to others.
    pub async fn close(&mut self) {
        let sql = format!(
            "SET client_min_messages = warning;
             SELECT {PRISTINE}.restore();
             DROP SCHEMA IF EXISTS {SCHEMA}, {PRISTINE} CASCADE"
        );
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.pool).await {
            tracing::warn!(%error, "the test database still has the triggers of this run");
        }
        if let Some(mut claim) = self.claim.take() {
            // The lock ends with the connection, however that ends; said first, it has ended by now.
            let unlock = format!("SELECT pg_advisory_unlock({LOCK})");
            let _ = sqlx::raw_sql(AssertSqlSafe(unlock))
                .execute(&mut claim)
                .await;
            let _ = claim.close().await;
        }
        self.pool.close().await;
    }
}

/// Takes the database for this run for as long as the connection lasts.
async fn claim(pool: &PgPool, name: String) -> Result<PgConnection, DatabaseError> {
    let doing = "looking for other runs on the test database";
    let connection = pool.acquire().await.map_err(DatabaseError::query(doing))?;
    let mut connection = connection.detach();
    let lock = format!("SELECT pg_try_advisory_lock({LOCK})");
    let is_ours: bool = sqlx::query_scalar(AssertSqlSafe(lock))
        .fetch_one(&mut connection)
        .await
        .map_err(DatabaseError::query(doing))?;
    if !is_ours {
        return Err(DatabaseError::InUse {
            what: "test database",
            name,
        });
    }
    Ok(connection)
}
