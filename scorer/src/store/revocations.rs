//! Revoked proofs (contract §3.8).

use std::collections::HashSet;

use sqlx::PgPool;

/// Those of the proof values that are revoked.
pub(crate) async fn revoked_among(
    pool: &PgPool,
    proof_values: &[&str],
) -> Result<HashSet<String>, sqlx::Error> {
    let revoked: Vec<String> = sqlx::query_scalar(
        "SELECT proof_value FROM ceramic_cache_revocation WHERE proof_value = ANY($1)",
    )
    .bind(proof_values)
    .fetch_all(pool)
    .await?;
    Ok(revoked.into_iter().collect())
}
