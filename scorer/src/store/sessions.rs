//! Sessions of the Python service's own pages.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

/// Whether there is such a session. A database without the table has none.
pub(crate) async fn exists(
    pool: &PgPool,
    key: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM django_session WHERE session_key = $1 AND expire_date > $2)",
    )
    .bind(key)
    .bind(now)
    .fetch_one(pool)
    .await;
    match found {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(false),
        found => found,
    }
}
