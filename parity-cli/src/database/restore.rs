//! Bringing a database back to its seeded state.
//!
//! Row capture knows which rows changed; those are taken again from pristine copies, and every
//! sequence is set back. Far cheaper than another database, and all that the one-connection
//! PostgreSQL and the database of a live backend allow.

use sqlx::{AssertSqlSafe, PgConnection};

use super::{
    DatabaseError,
    capture::{SCHEMA, Table, identifier, literal},
};

/// Schema of the copies.
pub(super) const PRISTINE: &str = "parity_pristine";

/// Keeps copies of all tables and the state of all sequences.
pub(super) async fn keep(
    connection: &mut PgConnection,
    tables: &[Table],
) -> Result<(), DatabaseError> {
    let mut sql = format!(
        "SET client_min_messages = warning;
         DROP SCHEMA IF EXISTS {PRISTINE} CASCADE;
         CREATE SCHEMA {PRISTINE};
         CREATE TABLE {PRISTINE}.tables (
             target regclass PRIMARY KEY, remove text NOT NULL, add_back text NOT NULL);\n"
    );
    for (number, table) in tables.iter().enumerate() {
        let (target, copy) = (table.quoted(), format!("{PRISTINE}.copy_{number}"));
        let changed = changed_rows(table);
        sql.push_str(&format!(
            "CREATE TABLE {copy} AS TABLE {target};
             INSERT INTO {PRISTINE}.tables VALUES ({}, {}, {});\n",
            literal(&target),
            literal(&format!("DELETE FROM {target} WHERE {changed}")),
            literal(&format!(
                "INSERT INTO {target} OVERRIDING SYSTEM VALUE
                 SELECT * FROM {copy} WHERE {changed}"
            )),
        ));
    }
    // Foreign keys and row capture are both triggers, and both stay off while rows go back.
    sql.push_str(&format!(
        "CREATE TABLE {PRISTINE}.sequences AS
             SELECT format('%I.%I', schemaname, sequencename)::regclass AS sequence,
                 coalesce(last_value, start_value) AS value, last_value IS NOT NULL AS called
             FROM pg_sequences WHERE schemaname <> '{SCHEMA}';
         CREATE FUNCTION {PRISTINE}.restore() RETURNS void LANGUAGE plpgsql
         SET session_replication_role = replica AS $restore$
         DECLARE changed record;
         BEGIN
             FOR changed IN SELECT remove, add_back FROM {PRISTINE}.tables
                 WHERE target IN (SELECT target FROM {SCHEMA}.changes)
             LOOP
                 EXECUTE changed.remove;
                 EXECUTE changed.add_back;
             END LOOP;
             PERFORM setval(sequence, value, called) FROM {PRISTINE}.sequences;
             DELETE FROM {SCHEMA}.changes;
         END $restore$;\n"
    ));
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map_err(DatabaseError::query("keeping copies of the seeded tables"))?;
    Ok(())
}

/// Condition on rows that changed: their keys are among those captured. All rows of a table
/// without a key.
fn changed_rows(table: &Table) -> String {
    let target = table.quoted();
    let names: Vec<_> = table.key().iter().map(|name| identifier(name)).collect();
    if names.is_empty() {
        return "true".to_owned();
    }
    let names = names.join(", ");
    format!(
        "({names}) IN (SELECT {names} FROM {SCHEMA}.changes c
             CROSS JOIN unnest(ARRAY[c.old, c.new]) AS side (row)
             CROSS JOIN json_populate_record(NULL::{target}, side.row) AS known
             WHERE c.target = {}::regclass AND side.row IS NOT NULL)",
        literal(&target)
    )
}

/// Brings every changed row and every sequence back.
pub(super) async fn run(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query("SELECT parity_pristine.restore()")
        .execute(connection)
        .await
        .map_err(DatabaseError::query("restoring the seeded rows"))?;
    Ok(())
}
