//! The Django schema, for embedded and test databases only: a production database is Django's.

use sqlx::{PgPool, migrate::Migrator};

use super::EmbeddedError;

/// Where the applied migrations are noted; no table of the service.
pub const MIGRATIONS_TABLE: &str = "_sqlx_migrations";

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Creates the schema of the Python service, as far as it is not there yet.
///
/// # Errors
/// The database cannot be reached or already holds other tables of these names.
pub async fn migrate(pool: &PgPool) -> Result<(), EmbeddedError> {
    Ok(MIGRATOR.run(pool).await?)
}
