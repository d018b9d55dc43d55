//! Definitions of custom credentials (contract §3.10).

use sqlx::PgPool;

/// The definition of a provider, as JSON text.
pub(crate) async fn by_provider(
    pool: &PgPool,
    provider_id: &str,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT definition::text FROM account_customcredentialruleset WHERE provider_id = $1",
    )
    .bind(provider_id)
    .fetch_optional(pool)
    .await
}
