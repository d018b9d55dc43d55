//! Partner API keys (contract §2.1).

use sqlx::{PgPool, Row};

use crate::effects::{Cell, Change};

/// A row of `account_accountapikey`, as far as these endpoints read it.
#[derive(Clone, Default)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    pub(crate) prefix: String,
    pub(crate) hashed_key: String,
    pub(crate) hashed_key_sha256: Option<String>,
    pub(crate) revoked: bool,
    pub(crate) account_id: i64,
    /// `None` and empty mean unlimited.
    pub(crate) rate_limit: Option<String>,
    pub(crate) embed_rate_limit: Option<String>,
    pub(crate) historical_endpoint: bool,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ApiKey")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl ApiKey {
    /// The key with this prefix, revoked or not.
    pub(crate) async fn by_prefix(
        pool: &PgPool,
        prefix: &str,
    ) -> Result<Option<Self>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT id, prefix, hashed_key, hashed_key_sha256, revoked, account_id, rate_limit, \
                    embed_rate_limit, historical_endpoint \
             FROM account_accountapikey WHERE prefix = $1",
        )
        .bind(prefix)
        .fetch_optional(pool)
        .await?;
        row.map(|row| {
            Ok(Self {
                id: row.try_get(0)?,
                prefix: row.try_get(1)?,
                hashed_key: row.try_get(2)?,
                hashed_key_sha256: row.try_get(3)?,
                revoked: row.try_get(4)?,
                account_id: row.try_get(5)?,
                rate_limit: row.try_get(6)?,
                embed_rate_limit: row.try_get(7)?,
                historical_endpoint: row.try_get(8)?,
            })
        })
        .transpose()
    }

    /// The change that stores the fast hash of a key verified by its slow one.
    pub(crate) fn migration(&self, hash: &str) -> Change {
        let before = match &self.hashed_key_sha256 {
            Some(text) => Cell::Text(text.clone()),
            None => Cell::Null,
        };
        Change::Updated {
            table: "account_accountapikey",
            key: vec![("id", Cell::Text(self.id.clone()))],
            before: vec![("hashed_key_sha256", before)],
            after: vec![("hashed_key_sha256", Cell::Text(hash.to_owned()))],
        }
    }

    /// Stores the fast hash.
    pub(crate) async fn store_hash(&self, pool: &PgPool, hash: &str) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE account_accountapikey SET hashed_key_sha256 = $2 WHERE id = $1")
            .bind(&self.id)
            .bind(hash)
            .execute(pool)
            .await?;
        Ok(())
    }
}
