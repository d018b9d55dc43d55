//! Bringing one database back to its seeded state, where it cannot be cloned.
//!
//! Row capture knows which tables changed; only those are filled again from pristine copies.

use sqlx::{AssertSqlSafe, PgConnection};

use super::{
    DatabaseError,
    capture::{SCHEMA, Table, literal},
};

const PRISTINE: &str = "parity_pristine";

/// Keeps copies of all tables and the state of all sequences.
pub(super) async fn keep(
    connection: &mut PgConnection,
    tables: &[Table],
) -> Result<(), DatabaseError> {
    let mut sql = format!(
        "SET client_min_messages = warning;
         DROP SCHEMA IF EXISTS {PRISTINE} CASCADE;
         CREATE SCHEMA {PRISTINE};
         CREATE TABLE {PRISTINE}.copies (target regclass PRIMARY KEY, copy regclass NOT NULL);\n"
    );
    for (number, table) in tables.iter().enumerate() {
        let (target, copy) = (table.quoted(), format!("{PRISTINE}.copy_{number}"));
        sql.push_str(&format!(
            "CREATE TABLE {copy} AS TABLE {target};
             INSERT INTO {PRISTINE}.copies VALUES ({}, {});\n",
            literal(&target),
            literal(&copy)
        ));
    }
    sql.push_str(&format!(
        "CREATE TABLE {PRISTINE}.sequences AS
             SELECT format('%I.%I', schemaname, sequencename)::regclass AS sequence,
                 coalesce(last_value, start_value) AS value, last_value IS NOT NULL AS called
             FROM pg_sequences WHERE schemaname <> '{SCHEMA}';
         CREATE FUNCTION {PRISTINE}.restore() RETURNS void LANGUAGE plpgsql
         SET session_replication_role = replica AS $restore$
         DECLARE changed record;
         BEGIN
             FOR changed IN SELECT target, copy FROM {PRISTINE}.copies
                 WHERE target IN (SELECT target FROM {SCHEMA}.changes)
             LOOP
                 EXECUTE format('DELETE FROM %s', changed.target);
                 EXECUTE format('INSERT INTO %s OVERRIDING SYSTEM VALUE TABLE %s',
                     changed.target, changed.copy);
             END LOOP;
             PERFORM setval(sequence, value, called) FROM {PRISTINE}.sequences;
             TRUNCATE {SCHEMA}.changes;
         END $restore$;\n"
    ));
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map_err(DatabaseError::query("keeping copies of the seeded tables"))?;
    Ok(())
}

/// Brings every changed table and every sequence back.
pub(super) async fn run(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query("SELECT parity_pristine.restore()")
        .execute(connection)
        .await
        .map_err(DatabaseError::query("restoring the seeded tables"))?;
    Ok(())
}
