//! Raw weights of a community's scorer (contract §3.6).

use sqlx::{PgPool, Row};

/// What a look-up of weights finds.
#[derive(Debug)]
pub(crate) enum Weights {
    /// No such community, or its scorer is of no known type, or has no row of its type.
    NoScorer,
    /// The column as JSON text; SQL NULL is `null`.
    Found(String),
}

/// Weights of a community, of any account, deleted or not.
pub(crate) async fn of_community(pool: &PgPool, id: i64) -> Result<Weights, sqlx::Error> {
    let row = sqlx::query(
        "SELECT coalesce(weighted.weights, binary_weighted.weights)::text \
         FROM account_community AS community \
         JOIN scorer_weighted_scorer AS scorer ON scorer.id = community.scorer_id \
         LEFT JOIN scorer_weighted_weightedscorer AS weighted \
           ON weighted.scorer_ptr_id = scorer.id AND scorer.type = 'WEIGHTED' \
         LEFT JOIN scorer_weighted_binaryweightedscorer AS binary_weighted \
           ON binary_weighted.scorer_ptr_id = scorer.id AND scorer.type = 'WEIGHTED_BINARY' \
         WHERE community.id = $1 \
           AND (weighted.scorer_ptr_id IS NOT NULL OR binary_weighted.scorer_ptr_id IS NOT NULL)",
    )
    .bind(id)
    .fetch_optional(pool)
    .await?;
    match row {
        None => Ok(Weights::NoScorer),
        Some(row) => {
            let text: Option<String> = row.try_get(0)?;
            Ok(Weights::Found(text.unwrap_or_else(|| "null".to_owned())))
        }
    }
}
