//! A database in its seeded state for every scenario.

use std::sync::Arc;

use parity::effects::Effects;
use parking_lot::Mutex;
use scorer::embedded::Postgres;
use sqlx::{AssertSqlSafe, PgPool, pool::PoolConnection};

use super::{
    DatabaseError, RowCapture, Seed, SeedRows, apply,
    capture::{self, Table},
    clones::Clones,
    restore,
};

/// Hands out databases that all start from the same seed.
///
/// On a real server each is a clone of a template; the carried server holds a single database. A
/// database that comes back is brought to its seeded state again, which takes a few milliseconds
/// where another clone takes tens.
#[derive(Debug)]
pub struct FreshDatabases {
    /// Absent on the carried server, which cannot clone.
    clones: Option<Clones>,
    idle: Arc<Mutex<Vec<PgPool>>>,
    tables: Arc<[Table]>,
}

/// A database in its seeded state, to be used for one scenario.
#[derive(Debug)]
pub struct FreshDatabase {
    /// Connections of the service under test.
    pub pool: PgPool,
    /// What changed in it.
    pub capture: RowCapture,
    tables: Arc<[Table]>,
    idle: Arc<Mutex<Vec<PgPool>>>,
}

impl FreshDatabases {
    /// Creates the schema, loads the seed and keeps the result to start from.
    ///
    /// # Errors
    /// The server does not let us create databases, or the seed does not load.
    pub async fn prepare(postgres: &Postgres, seed: &Seed) -> Result<Self, DatabaseError> {
        let idle = Arc::<Mutex<Vec<PgPool>>>::default();
        if postgres.is_carried() {
            let pool = postgres.pool();
            let tables = fill(&pool, seed).await?.into();
            idle.lock().push(pool);
            return Ok(Self {
                clones: None,
                idle,
                tables,
            });
        }
        let clones = Clones::create(postgres).await?;
        let pool = clones.template_pool();
        let filled = fill(&pool, seed).await;
        pool.close().await;
        match filled {
            Ok(tables) => Ok(Self {
                clones: Some(clones),
                idle,
                tables: tables.into(),
            }),
            Err(error) => {
                clones.close().await;
                Err(error)
            }
        }
    }

    /// A database in its seeded state. It goes back when it is dropped.
    ///
    /// # Errors
    /// The server does not answer, or more are taken than [`FreshDatabases::concurrency`].
    pub async fn take(&self) -> Result<FreshDatabase, DatabaseError> {
        let waiting = self.idle.lock().pop();
        let pool = match (waiting, &self.clones) {
            (Some(pool), _) => pool,
            (None, Some(clones)) => clones.make().await?,
            (None, None) => return Err(DatabaseError::Busy),
        };
        restore::run(&mut *acquire(&pool).await?).await?;
        Ok(FreshDatabase {
            capture: RowCapture::new(pool.clone(), &self.tables),
            tables: Arc::clone(&self.tables),
            idle: Arc::clone(&self.idle),
            pool,
        })
    }

    /// How many databases may be in use at the same time.
    pub fn concurrency(&self) -> usize {
        if self.clones.is_some() { usize::MAX } else { 1 }
    }

    /// Drops the template and every clone.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        for pool in idle {
            pool.close().await;
        }
        if let Some(clones) = &self.clones {
            clones.close().await;
        }
    }
}

impl FreshDatabase {
    /// Runs SQL that belongs to the scenario; its changes are no effects.
    ///
    /// # Errors
    /// What the database answered.
    pub async fn prepare(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        run_for_scenario(&self.pool, sql).await
    }

    /// The rows it starts from; nothing may have changed yet.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn seed_rows(&self) -> Result<SeedRows, DatabaseError> {
        SeedRows::read(&mut *acquire(&self.pool).await?, &self.tables).await
    }

    /// Writes rows of the reference as they are, so that what follows finds them.
    ///
    /// # Errors
    /// The rows do not fit this database.
    pub async fn apply(&mut self, effects: &Effects) -> Result<(), DatabaseError> {
        apply::apply(&self.pool, &self.tables, effects).await?;
        self.capture.skip().await
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        self.idle.lock().push(self.pool.clone());
    }
}

/// Schema, seed, row capture, and copies to restore from.
async fn fill(pool: &PgPool, seed: &Seed) -> Result<Vec<Table>, DatabaseError> {
    scorer::embedded::migrate(pool).await?;
    let mut connection = acquire(pool).await?;
    seed.load(&mut connection).await?;
    let tables = capture::tables(&mut connection).await?;
    capture::install(&mut connection, &tables).await?;
    restore::keep(&mut connection, &tables).await?;
    connection
        .close()
        .await
        .map_err(DatabaseError::query("closing the seeded database"))?;
    Ok(tables)
}

async fn acquire(pool: &PgPool) -> Result<PoolConnection<sqlx::Postgres>, DatabaseError> {
    pool.acquire()
        .await
        .map_err(DatabaseError::query("connecting to the database"))
}

/// Runs SQL of a scenario without leaving its session settings to the service.
pub(super) async fn run_for_scenario(pool: &PgPool, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("RESET ALL").execute(&mut *connection).await?;
    Ok(())
}
