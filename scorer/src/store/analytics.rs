//! Analytics rows (contract §6).

use sqlx::PgPool;

use crate::{
    effects::{Cell, Change},
    python::jsonb,
};

/// Inserts a row made by `api::analytics` and returns it with the identifier it got.
pub(crate) async fn insert(pool: &PgPool, change: Change) -> Result<Change, sqlx::Error> {
    let Change::Inserted { table, mut row } = change else {
        return Ok(change);
    };
    let mut query = sqlx::query_scalar(
        "INSERT INTO account_accountapikeyanalytics (created_at, path, api_key_id, base_path, \
             error, headers, path_segments, payload, query_params, response, response_skipped, \
             status_code) \
         VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8::jsonb, $9::jsonb, $10::jsonb, $11, \
             $12::int) \
         RETURNING id",
    );
    for (_, cell) in row.iter().filter(|(name, _)| *name != "id") {
        query = match cell {
            Cell::Null => query.bind(None::<String>),
            Cell::Bool(value) => query.bind(*value),
            Cell::Int(value) => query.bind(*value),
            Cell::Text(value) | Cell::Numeric(value) => query.bind(value.clone()),
            Cell::Timestamp(value) => query.bind(*value),
            Cell::Json(value) => query.bind(jsonb::printed(value)),
        };
    }
    let id: i64 = query.fetch_one(pool).await?;
    if let Some((_, cell)) = row.iter_mut().find(|(name, _)| *name == "id") {
        *cell = Cell::Int(id);
    }
    Ok(Change::Inserted { table, row })
}
