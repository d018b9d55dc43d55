//! Whether a database answers at all.

use sqlx::PgPool;

/// Asks for nothing but an answer.
///
/// # Errors
/// There is no connection, or it is broken.
pub(crate) async fn answers(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT 1").execute(pool).await.map(|_| ())
}
