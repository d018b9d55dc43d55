//! Bringing a database back to its seeded state.
//!
//! Row capture knows what changed: new rows are deleted, a table of which an old row changed is
//! filled again from its pristine copy, and every sequence is set back. Far cheaper than another
//! database, and all that the one-connection PostgreSQL and the database of a live backend allow.
//!
//! Rows come back in the order of the seed, also on disk, because a service may read them in that
//! order. Nothing is vacuumed for the same reason: new rows would fill gaps between old ones.

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
             target regclass PRIMARY KEY, copy regclass NOT NULL, remove_new text NOT NULL);\n"
    );
    for (number, table) in tables.iter().enumerate() {
        let (target, copy) = (table.quoted(), format!("{PRISTINE}.copy_{number}"));
        sql.push_str(&format!(
            "CREATE TABLE {copy} AS TABLE {target};
             INSERT INTO {PRISTINE}.tables VALUES ({}, {}, {});\n",
            literal(&target),
            literal(&copy),
            literal(&remove_new(table)),
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
             FOR changed IN
                 SELECT t.target, t.copy, t.remove_new, bool_or(c.old IS NOT NULL) AS rewritten
                 FROM {SCHEMA}.changes c JOIN {PRISTINE}.tables t USING (target)
                 GROUP BY t.target, t.copy, t.remove_new
             LOOP
                 IF changed.rewritten THEN
                     EXECUTE format('DELETE FROM %s', changed.target);
                     EXECUTE format('INSERT INTO %s OVERRIDING SYSTEM VALUE TABLE %s',
                         changed.target, changed.copy);
                 ELSE
                     EXECUTE changed.remove_new;
                 END IF;
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

/// SQL that deletes the rows captured as new, known by their key or else by all their columns.
fn remove_new(table: &Table) -> String {
    let target = table.quoted();
    let names: Vec<_> = table.key().iter().map(|name| identifier(name)).collect();
    if names.is_empty() {
        return format!(
            "DELETE FROM {target} t WHERE to_jsonb(t) IN
             (SELECT to_jsonb(known) FROM {SCHEMA}.changes c
              CROSS JOIN json_populate_record(NULL::{target}, c.new) AS known
              WHERE c.target = {}::regclass)",
            literal(&target)
        );
    }
    let names = names.join(", ");
    format!(
        "DELETE FROM {target} WHERE ({names}) IN
         (SELECT {names} FROM {SCHEMA}.changes c
          CROSS JOIN json_populate_record(NULL::{target}, c.new) AS known
          WHERE c.target = {}::regclass)",
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
