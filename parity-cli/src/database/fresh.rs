//! A database in its seeded state for every scenario.

use scorer::embedded::Postgres;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

use super::{
    DatabaseError, RowCapture, Seed,
    capture::{self, Table},
    clones::{Clone, Clones},
    restore,
};

/// Makes databases that all start from the same seed.
///
/// On a real server every database is a clone of a template. The carried server holds a single
/// database, which is brought back to its seeded state instead.
#[derive(Debug)]
pub struct FreshDatabases {
    kind: Kind,
    tables: Vec<Table>,
}

#[derive(Debug)]
enum Kind {
    Clones(Clones),
    InPlace(PgPool),
}

/// A database in its seeded state, to be used for one scenario.
#[derive(Debug)]
pub struct FreshDatabase {
    /// Connections of the service under test.
    pub pool: PgPool,
    /// What changed in it.
    pub capture: RowCapture,
    /// Dropped with the database, except where it is restored in place.
    clone: Option<Clone>,
}

impl FreshDatabases {
    /// Creates the schema, loads the seed and keeps the result to start from. At most `ahead`
    /// databases are made before they are asked for.
    ///
    /// # Errors
    /// The server does not let us create databases, or the seed does not load.
    pub async fn prepare(
        postgres: &Postgres,
        seed: &Seed,
        ahead: usize,
    ) -> Result<Self, DatabaseError> {
        if postgres.is_carried() {
            let pool = postgres.pool();
            let tables = fill(&pool, seed).await?;
            let mut connection = connection(&pool).await?;
            restore::keep(&mut connection, &tables).await?;
            drop(connection);
            return Ok(Self {
                kind: Kind::InPlace(pool),
                tables,
            });
        }
        let clones = Clones::create(postgres, ahead).await?;
        let pool = clones.template_pool();
        let filled = fill(&pool, seed).await;
        pool.close().await;
        match filled {
            Ok(tables) => Ok(Self {
                kind: Kind::Clones(clones),
                tables,
            }),
            Err(error) => {
                clones.close().await;
                Err(error)
            }
        }
    }

    /// A database in its seeded state. Where it is restored in place, the one handed out before
    /// must be out of use.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn take(&self) -> Result<FreshDatabase, DatabaseError> {
        let (pool, clone) = match &self.kind {
            Kind::Clones(clones) => {
                let clone = clones.take().await?;
                (clone.pool(), Some(clone))
            }
            Kind::InPlace(pool) => {
                restore::run(&mut *connection(pool).await?).await?;
                (pool.clone(), None)
            }
        };
        Ok(FreshDatabase {
            capture: RowCapture::new(pool.clone(), &self.tables),
            pool,
            clone: clone,
        })
    }

    /// How many databases may be in use at the same time.
    pub fn concurrency(&self) -> usize {
        match self.kind {
            Kind::Clones(_) => usize::MAX,
            Kind::InPlace(_) => 1,
        }
    }

    /// Drops the template and every clone that is left.
    pub async fn close(self) {
        match self.kind {
            Kind::Clones(clones) => clones.close().await,
            Kind::InPlace(pool) => pool.close().await,
        }
    }
}

impl FreshDatabase {
    /// Runs SQL that belongs to the scenario; its changes are no effects.
    ///
    /// # Errors
    /// What the database answered.
    pub async fn prepare(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut *connection)
            .await?;
        // What the SQL set for its session must not reach the service.
        sqlx::raw_sql("RESET ALL").execute(&mut *connection).await?;
        Ok(())
    }

    /// Closes every connection, so that the database can be dropped or restored.
    pub async fn close(self) {
        if self.clone.is_some() {
            self.pool.close().await;
        }
    }
}

/// Schema, seed and row capture.
async fn fill(pool: &PgPool, seed: &Seed) -> Result<Vec<Table>, DatabaseError> {
    scorer::embedded::migrate(pool).await?;
    let mut connection = connection(pool).await?;
    seed.load(&mut connection).await?;
    let tables = capture::tables(&mut connection).await?;
    capture::install(&mut connection, &tables).await?;
    connection
        .close()
        .await
        .map_err(DatabaseError::query("closing the seeded database"))?;
    Ok(tables)
}

async fn connection(
    pool: &PgPool,
) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, DatabaseError> {
    pool.acquire()
        .await
        .map_err(DatabaseError::query("connecting to the database"))
}

/// Opens one connection with these options.
pub(super) async fn connect(
    options: &sqlx::postgres::PgConnectOptions,
) -> Result<PgConnection, DatabaseError> {
    PgConnection::connect_with(options)
        .await
        .map_err(DatabaseError::query("connecting to the database"))
}
