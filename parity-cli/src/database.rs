//! Databases that scenarios run on: made fresh for each, and watched for changed rows.

mod apply;
mod capture;
mod clones;
mod fresh;
mod marked;
mod redis;
mod restore;
mod rows;
mod seed;

pub use capture::RowCapture;
pub use fresh::{FreshDatabase, FreshDatabases};
pub use marked::{TEST_DATABASE_MARK, TestDatabase};
pub use redis::{TEST_REDIS_MARK, TestRedis};
pub use rows::{RowId, SeedRows};
pub use seed::Seed;

/// Why a database cannot be prepared, reset or read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error(transparent)]
    Embedded(#[from] scorer::embedded::EmbeddedError),
    /// `message` says what the database answered.
    #[error("{origin}:{line}: seed does not load: {message}")]
    SeedLine {
        origin: String,
        /// Counted from 1.
        line: usize,
        message: String,
    },
    #[error("{origin}: seed does not load: {message}")]
    Seed { origin: String, message: String },
    #[error("SQL before step {step} of {scenario} fails: {source}")]
    SqlBefore {
        scenario: String,
        step: u32,
        source: sqlx::Error,
    },
    #[error(
        "database {name} is not marked as a test database, so nothing in it is touched; if all its \
         content may be deleted, run: {statement}"
    )]
    NotMarked { name: String, statement: String },
    #[error(
        "Redis database {name} is not marked as a test database, so nothing in it is deleted; if all \
         its content may be deleted, run: {command}"
    )]
    RedisNotMarked { name: String, command: String },
    #[error(
        "the {what} {name} is in use by another run, or was given for both sides: each side of each \
         run needs one of its own"
    )]
    InUse { what: &'static str, name: String },
    #[error("the only database is in use")]
    Busy,
    #[error("not a usable Redis URL: expected redis://[user:password@]host:port/number")]
    RedisUrl,
    #[error("{doing} Redis database {name}: {source}")]
    Redis {
        doing: &'static str,
        name: String,
        source: ::redis::RedisError,
    },
    #[error("{doing}: {source}")]
    Query {
        doing: &'static str,
        source: sqlx::Error,
    },
    #[error("a captured row of {table} is no JSON: {source}")]
    Row {
        table: String,
        source: parity::json::JsonError,
    },
}

impl DatabaseError {
    fn query(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { doing, source }
    }

    fn redis(name: &str, doing: &'static str) -> impl FnOnce(::redis::RedisError) -> Self {
        let name = name.to_owned();
        move |source| Self::Redis {
            doing,
            name,
            source,
        }
    }
}
