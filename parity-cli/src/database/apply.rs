//! Writing recorded rows into a database, so that it stands where the reference stood.

use parity::{
    effects::{Effects, RowUpdate},
    json::Json,
};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};

use super::{
    DatabaseError,
    capture::{Table, identifier},
};

/// Brings the rows in as they are, numbers of the reference included, all or none.
pub(super) async fn apply(
    pool: &PgPool,
    tables: &[Table],
    effects: &Effects,
) -> Result<(), DatabaseError> {
    let run = async {
        let mut transaction = pool.begin().await?;
        for table in tables {
            let Some(changed) = effects.0.get(&table.label()) else {
                continue;
            };
            for row in &changed.deleted {
                delete(&mut transaction, table, row).await?;
            }
            for update in &changed.updated {
                change(&mut transaction, table, update).await?;
            }
            for row in &changed.inserted {
                insert(&mut transaction, table, row).await?;
            }
            if !changed.inserted.is_empty() {
                advance_sequence(&mut transaction, table).await?;
            }
        }
        transaction.commit().await
    };
    run.await
        .map_err(DatabaseError::query("writing the recorded rows"))
}

async fn insert(
    transaction: &mut Transaction<'_, Postgres>,
    table: &Table,
    row: &Json,
) -> Result<(), sqlx::Error> {
    let target = table.quoted();
    let sql = format!(
        "INSERT INTO {target} OVERRIDING SYSTEM VALUE
         SELECT * FROM json_populate_record(NULL::{target}, $1::json)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(row.to_text())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// What is inserted next, e.g. by the SQL before a step, must not take a number already in use.
async fn advance_sequence(
    transaction: &mut Transaction<'_, Postgres>,
    table: &Table,
) -> Result<(), sqlx::Error> {
    let [key] = table.key() else {
        return Ok(());
    };
    let (target, column) = (table.quoted(), identifier(key));
    let sequence: Option<String> = sqlx::query_scalar("SELECT pg_get_serial_sequence($1, $2)")
        .bind(&target)
        .bind(key)
        .fetch_one(&mut **transaction)
        .await?;
    if let Some(sequence) = sequence {
        let sql = format!("SELECT setval($1::regclass, (SELECT max({column}) FROM {target}))");
        sqlx::query(AssertSqlSafe(sql))
            .bind(sequence)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn delete(
    transaction: &mut Transaction<'_, Postgres>,
    table: &Table,
    row: &Json,
) -> Result<(), sqlx::Error> {
    let target = table.quoted();
    let key: Vec<_> = table.key().iter().map(|name| identifier(name)).collect();
    let key = key.join(", ");
    let sql = format!(
        "DELETE FROM {target} WHERE ({key}) IN
         (SELECT {key} FROM json_populate_record(NULL::{target}, $1::json))"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(row.to_text())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn change(
    transaction: &mut Transaction<'_, Postgres>,
    table: &Table,
    update: &RowUpdate,
) -> Result<(), sqlx::Error> {
    let target = table.quoted();
    let columns: Vec<_> = update
        .after
        .members()
        .unwrap_or_default()
        .iter()
        .map(|(name, _)| identifier(&name.decoded()))
        .collect();
    let columns = columns.join(", ");
    // One key column stands for itself, several are a list.
    let key: Vec<_> = table.key().iter().map(|name| identifier(name)).collect();
    let key_texts: Vec<_> = match update.pk.elements() {
        Some(parts) if key.len() > 1 => parts.iter().map(plain).collect(),
        _ => vec![plain(&update.pk)],
    };
    let conditions: Vec<_> = key
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{name}::text = $2[{}]", at + 1))
        .collect();
    let sql = format!(
        "UPDATE {target} SET ({columns}) =
         (SELECT {columns} FROM json_populate_record(NULL::{target}, $1::json)) WHERE {}",
        conditions.join(" AND ")
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(update.after.to_text())
        .bind(key_texts)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// A key value as PostgreSQL prints it.
fn plain(value: &Json) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_text(), std::borrow::Cow::into_owned)
}
