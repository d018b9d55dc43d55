//! Bringing a database back to its seeded state.
//!
//! Row capture knows what changed: a table that changed is emptied and filled again from its pristine
//! copy, and every sequence is set back. Far cheaper than another database, and all that the
//! one-connection PostgreSQL and the database of a live backend allow.
//!
//! Rows have to lie on disk as in a database never used, because a service may read them in that
//! order. Hence a table is truncated: of rows only deleted, PostgreSQL reuses the room, so that what
//! is written next comes to lie between or before what was there. Nothing is vacuumed for the same
//! reason.

use sqlx::{AssertSqlSafe, PgConnection};

use super::{
    DatabaseError,
    capture::{SCHEMA, Table, literal},
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
             target regclass PRIMARY KEY, copy regclass NOT NULL,
             emptied_with regclass[] NOT NULL DEFAULT '{{}}');\n"
    );
    for (number, table) in tables.iter().enumerate() {
        let (target, copy) = (table.quoted(), format!("{PRISTINE}.copy_{number}"));
        sql.push_str(&format!(
            "CREATE TABLE {copy} AS TABLE {target};
             INSERT INTO {PRISTINE}.tables VALUES ({}, {});\n",
            literal(&target),
            literal(&copy),
        ));
    }
    // A table is only truncated together with all that refer to it.
    sql.push_str(&format!(
        "UPDATE {PRISTINE}.tables SET emptied_with = array(
             WITH RECURSIVE emptied(target) AS (
                 SELECT tables.target::oid
                 UNION
                 SELECT k.conrelid FROM emptied JOIN pg_constraint k
                     ON k.contype = 'f' AND k.confrelid = emptied.target)
             SELECT target::regclass FROM emptied);\n"
    ));
    // Foreign keys and row capture are both triggers, and both stay off while rows go back.
    sql.push_str(&format!(
        "CREATE TABLE {PRISTINE}.sequences AS
             SELECT format('%I.%I', schemaname, sequencename)::regclass AS sequence,
                 coalesce(last_value, start_value) AS value, last_value IS NOT NULL AS called
             FROM pg_sequences WHERE schemaname <> '{SCHEMA}';
         CREATE FUNCTION {PRISTINE}.restore() RETURNS void LANGUAGE plpgsql
         SET session_replication_role = replica AS $restore$
         DECLARE emptied regclass[]; known record;
         BEGIN
             emptied := array(
                 SELECT DISTINCT unnest(t.emptied_with)
                 FROM {SCHEMA}.changes c JOIN {PRISTINE}.tables t USING (target));
             IF emptied <> '{{}}' THEN
                 EXECUTE 'TRUNCATE ' || array_to_string(emptied, ', ');
             END IF;
             FOR known IN
                 SELECT target, copy FROM {PRISTINE}.tables WHERE target = ANY (emptied)
             LOOP
                 EXECUTE format('INSERT INTO %s OVERRIDING SYSTEM VALUE TABLE %s',
                     known.target, known.copy);
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

/// Brings every changed row and every sequence back.
pub(super) async fn run(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query("SELECT parity_pristine.restore()")
        .execute(connection)
        .await
        .map_err(DatabaseError::query("restoring the seeded rows"))?;
    Ok(())
}
