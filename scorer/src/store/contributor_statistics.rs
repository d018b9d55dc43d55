//! Contributions to grants (contract §3.13, domain E.5).

use sqlx::{FromRow, PgPool};

/// Counts and exact sums, the sums as text; no sum without rows.
#[derive(Debug, FromRow)]
pub(crate) struct Contributions {
    pub(crate) grants: i64,
    pub(crate) grant_sum: Option<String>,
    pub(crate) projects: i64,
    pub(crate) project_sum: Option<String>,
}

/// What the lower-cased address gave.
///
/// The lower limit is the binary double 0.95 in full; rounds in which the address was squelched do
/// not count.
pub(crate) async fn of(pool: &PgPool, address: &str) -> Result<Contributions, sqlx::Error> {
    sqlx::query_as(
        "SELECT grants.count AS grants, grants.sum AS grant_sum, \
                projects.count AS projects, projects.sum AS project_sum \
         FROM (SELECT count(DISTINCT entry.grant_id), sum(entry.amount)::text \
               FROM cgrants_grantcontributionindex AS entry \
               JOIN cgrants_contribution AS contribution \
                 ON contribution.id = entry.contribution_id AND contribution.success \
               WHERE entry.contributor_address = $1) AS grants, \
              (SELECT count(DISTINCT project), sum(amount)::text \
               FROM cgrants_protocolcontributions \
               WHERE contributor = $1 \
                 AND amount >= 0.9499999999999999555910790149937383830547332763671875 \
                 AND round NOT IN ( \
                   SELECT mapping.round_eth_address FROM cgrants_roundmapping AS mapping \
                   JOIN cgrants_squelchedaccounts AS squelched \
                     ON squelched.round_number = mapping.round_number \
                   WHERE squelched.address = $1)) AS projects",
    )
    .bind(address)
    .fetch_one(pool)
    .await
}
