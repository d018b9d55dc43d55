//! Members of allow lists (contract §3.9).

use sqlx::PgPool;

/// Whether the lower-cased address is on the list; an unknown list has no members.
pub(crate) async fn is_member(
    pool: &PgPool,
    list: &str,
    address: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM account_addresslistmember AS member \
         JOIN account_addresslist AS list ON list.id = member.list_id \
         WHERE list.name = $1 AND member.address = $2)",
    )
    .bind(list)
    .bind(address)
    .fetch_one(pool)
    .await
}
