//! Look-ups of communities in the database that `REGISTRY_API_READ_DB` names, where that is not the
//! primary (contract §7).

use num_bigint::BigInt;
use sqlx::PgPool;

use super::load::CommunityRef;

/// A number that no community has.
const NOBODY: i64 = -1;

/// The community that is meant, by its own number. It stays unknown if the look-up finds none.
///
/// The account that owns a community is always asked of the primary, as the Python service does.
pub(super) async fn resolve(
    primary: &PgPool,
    registry: &PgPool,
    community: &CommunityRef,
) -> Result<CommunityRef, sqlx::Error> {
    let found = match community {
        CommunityRef::Id(id) => by_number(registry, id).await?.map(|(id, _)| id),
        CommunityRef::InAccount { account_id, id } => in_account(registry, *account_id, id).await?,
        CommunityRef::Via(id) => match by_number(primary, id).await? {
            Some((_, account_id)) => in_account(registry, account_id, id).await?,
            None => None,
        },
    };
    Ok(CommunityRef::Id(found.unwrap_or(NOBODY).into()))
}

/// A community and its account.
async fn by_number(pool: &PgPool, id: &BigInt) -> Result<Option<(i64, i64)>, sqlx::Error> {
    sqlx::query_as("SELECT id, account_id FROM account_community WHERE id = $1")
        .bind(i64::try_from(id).ok())
        .fetch_optional(pool)
        .await
}

/// By external number first, else by its own.
async fn in_account(
    pool: &PgPool,
    account_id: i64,
    id: &BigInt,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT id FROM account_community \
         WHERE account_id = $1 AND (external_scorer_id = $2 OR id = $3) \
         ORDER BY external_scorer_id = $2 DESC NULLS LAST LIMIT 1",
    )
    .bind(account_id)
    .bind(id.to_string())
    .bind(i64::try_from(id).ok())
    .fetch_optional(pool)
    .await
}
