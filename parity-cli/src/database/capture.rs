//! Row capture: triggers note every change of every table, whoever makes it.
//!
//! Generic over any schema. Values are written as the recordings have them: numerics as text with
//! their full scale, jsonb as JSON, timestamps as ISO 8601 in UTC.

use std::collections::BTreeMap;

use parity::{
    effects::{Change, Effects, net},
    json,
};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

use super::DatabaseError;

/// Schema of everything row capture adds to a database.
pub(super) const SCHEMA: &str = "parity_capture";
/// Tables that are no part of the service: bookkeeping of migrations and of this tool.
const NOT_OF_THE_SERVICE: [&str; 2] = [scorer::embedded::MIGRATIONS_TABLE, "django_migrations"];

const TABLES: &str = r"
    SELECT n.nspname AS schema, c.relname AS name,
        array_agg(a.attname ORDER BY a.attnum) AS columns,
        array_agg(coalesce(e.typname, t.typname) = 'numeric' ORDER BY a.attnum) AS numeric,
        array_agg(e.oid IS NOT NULL ORDER BY a.attnum) AS is_array,
        array(SELECT k.attname FROM pg_index i
            JOIN unnest(i.indkey) WITH ORDINALITY AS u(number, position) ON true
            JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = u.number
            WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY u.position) AS key
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
    WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT LIKE 'parity\_%'
        AND n.nspname <> 'information_schema' AND NOT c.relname = ANY($1)
    GROUP BY n.nspname, c.relname, c.oid
    ORDER BY n.nspname, c.relname";

/// A table of the service as the catalogue describes it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    schema: String,
    name: String,
    columns: Vec<Column>,
    /// Columns of the primary key; empty when there is none.
    key: Vec<String>,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    numeric: bool,
    array: bool,
}

impl Table {
    /// As it appears in effects: without the schema where that is `public`.
    pub(super) fn label(&self) -> String {
        if self.schema == "public" {
            self.name.clone()
        } else {
            format!("{}.{}", self.schema, self.name)
        }
    }

    /// Quoted, for use in SQL.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.schema, &self.name)
    }

    /// Names of all columns, as they stand in the table.
    pub(super) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Columns of the primary key.
    pub(super) fn key(&self) -> &[String] {
        &self.key
    }

    /// SQL for a row as JSON; `record` is `OLD` or `NEW`.
    fn row_as_json(&self, record: &str) -> String {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|column| {
                let name = identifier(&column.name);
                let cast = match (column.numeric, column.array) {
                    (true, false) => "::text",
                    (true, true) => "::text[]",
                    (false, _) => "",
                };
                format!("{record}.{name}{cast} AS {name}")
            })
            .collect();
        format!(
            "(SELECT row_to_json(r) FROM (SELECT {}) r)",
            columns.join(", ")
        )
    }
}

/// Tables of the service in this database.
pub(super) async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, DatabaseError> {
    let doing = "reading the catalogue";
    let rows = sqlx::query(TABLES)
        .bind(&NOT_OF_THE_SERVICE[..])
        .fetch_all(connection)
        .await
        .map_err(DatabaseError::query(doing))?;
    rows.iter()
        .map(|row| {
            let names: Vec<String> = row.try_get("columns")?;
            let numeric: Vec<bool> = row.try_get("numeric")?;
            let array: Vec<bool> = row.try_get("is_array")?;
            Ok(Table {
                schema: row.try_get("schema")?,
                name: row.try_get("name")?,
                columns: names
                    .into_iter()
                    .zip(numeric.into_iter().zip(array))
                    .map(|(name, (numeric, array))| Column {
                        name,
                        numeric,
                        array,
                    })
                    .collect(),
                key: row.try_get("key")?,
            })
        })
        .collect::<Result<_, sqlx::Error>>()
        .map_err(DatabaseError::query(doing))
}

/// Adds the capture to a database, replacing an earlier one.
pub(super) async fn install(
    connection: &mut PgConnection,
    tables: &[Table],
) -> Result<(), DatabaseError> {
    let mut sql = format!(
        "SET client_min_messages = warning;
         DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;
         CREATE SCHEMA {SCHEMA};
         CREATE UNLOGGED TABLE {SCHEMA}.changes (
             number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             relation text NOT NULL, target regclass NOT NULL, old json, new json);\n"
    );
    for (number, table) in tables.iter().enumerate() {
        let (label, target) = (literal(&table.label()), table.quoted());
        let (old, new) = (table.row_as_json("OLD"), table.row_as_json("NEW"));
        sql.push_str(&format!(
            "CREATE FUNCTION {SCHEMA}.note_{number}() RETURNS trigger LANGUAGE plpgsql
             SET timezone = 'UTC' SECURITY DEFINER AS $note$
             BEGIN
                 IF TG_OP = 'INSERT' THEN
                     INSERT INTO {SCHEMA}.changes (relation, target, new)
                         VALUES ({label}, TG_RELID, {new});
                 ELSIF TG_OP = 'UPDATE' THEN
                     INSERT INTO {SCHEMA}.changes (relation, target, old, new)
                         VALUES ({label}, TG_RELID, {old}, {new});
                 ELSE
                     INSERT INTO {SCHEMA}.changes (relation, target, old)
                         VALUES ({label}, TG_RELID, {old});
                 END IF;
                 RETURN NULL;
             END $note$;
             CREATE TRIGGER {SCHEMA} AFTER INSERT OR UPDATE OR DELETE ON {target}
                 FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.note_{number}();\n"
        ));
    }
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map_err(DatabaseError::query("installing row capture"))?;
    Ok(())
}

/// Reads what the triggers noted, step by step.
#[derive(Debug)]
pub struct RowCapture {
    pool: PgPool,
    keys: BTreeMap<String, Vec<String>>,
    /// Number of the last change already read.
    last: i64,
}

impl RowCapture {
    pub(super) fn new(pool: PgPool, tables: &[Table]) -> Self {
        Self {
            pool,
            keys: tables
                .iter()
                .map(|table| (table.label(), table.key.clone()))
                .collect(),
            last: 0,
        }
    }

    /// Rows changed since the last call, several changes of one row netted into one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take(&mut self) -> Result<Effects, DatabaseError> {
        let doing = "reading captured rows";
        let rows = sqlx::query(
            "SELECT number, relation, old::text, new::text FROM parity_capture.changes
             WHERE number > $1 ORDER BY number",
        )
        .bind(self.last)
        .fetch_all(&self.pool)
        .await
        .map_err(DatabaseError::query(doing))?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            let read = || -> Result<_, sqlx::Error> {
                Ok((
                    row.try_get::<i64, _>("number")?,
                    row.try_get::<String, _>("relation")?,
                    row.try_get::<Option<String>, _>("old")?,
                    row.try_get::<Option<String>, _>("new")?,
                ))
            };
            let (number, table, old, new) = read().map_err(DatabaseError::query(doing))?;
            self.last = number;
            let value = |text: Option<String>| {
                text.map(|text| json::parse(text.as_bytes()).map(json::Value::into_owned))
                    .transpose()
                    .map_err(|source| DatabaseError::Row {
                        table: table.clone(),
                        source,
                    })
            };
            let (old, new) = (value(old)?, value(new)?);
            changes.push(Change { table, old, new });
        }
        Ok(net(changes, &self.keys))
    }

    /// Forgets what changed so far, e.g. by the SQL before a step.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn skip(&mut self) -> Result<(), DatabaseError> {
        self.last = sqlx::query_scalar(
            "SELECT coalesce(max(number), 0) FROM parity_capture.changes WHERE number >= $1",
        )
        .bind(self.last)
        .fetch_one(&self.pool)
        .await
        .map_err(DatabaseError::query("reading captured rows"))?;
        Ok(())
    }
}

/// A name quoted for SQL.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name with its schema, quoted for SQL.
pub(super) fn quoted(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// A text quoted for SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
