//! The rows of a seeded database, so that all but a few can be left out.

use std::collections::{BTreeSet, HashMap};

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::{
    DatabaseError,
    capture::{Table, identifier, literal, quoted},
};

const FOREIGN_KEYS: &str = r"
    SELECT cn.nspname::text AS child_schema, c.relname::text AS child,
        pn.nspname::text AS parent_schema, p.relname::text AS parent,
        array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(number, position)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
            ORDER BY u.position) AS child_columns,
        array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(number, position)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number
            ORDER BY u.position) AS parent_columns
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
    JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE k.contype = 'f'";

const SEQUENCES: &str = r"
    SELECT format('SELECT setval(%L, %s, %L);', format('%I.%I', schemaname, sequencename),
        coalesce(last_value, start_value), last_value IS NOT NULL)
    FROM pg_sequences WHERE schemaname NOT LIKE 'parity\_%' ORDER BY 1";

/// A row, by table and by place in it.
pub type RowId = (usize, usize);

/// Every row of a database, in the order on disk.
#[derive(Debug)]
pub struct SeedRows {
    tables: Vec<SeedTable>,
    /// SQL that brings the sequences to where they stand.
    sequences: Vec<String>,
}

#[derive(Debug)]
struct SeedTable {
    /// Quoted, for use in SQL.
    target: String,
    /// Quoted columns.
    columns: Vec<String>,
    /// Quoted columns of the primary key; without one, rows cannot be told apart.
    key: Vec<String>,
    rows: Vec<SeedRow>,
}

#[derive(Debug)]
struct SeedRow {
    /// The key's values as texts.
    key: Vec<String>,
    /// The row as SQL literals in parentheses.
    values: String,
    /// Rows that foreign keys of this one point to.
    parents: Vec<RowId>,
}

impl SeedRows {
    pub(super) async fn read(
        connection: &mut PgConnection,
        tables: &[Table],
    ) -> Result<Self, DatabaseError> {
        let run = async {
            let mut read = Vec::new();
            for table in tables {
                read.push(SeedTable::read(connection, table).await?);
            }
            let mut rows = Self {
                tables: read,
                sequences: sqlx::query_scalar(SEQUENCES)
                    .fetch_all(&mut *connection)
                    .await?,
            };
            rows.find_parents(connection).await?;
            Ok(rows)
        };
        run.await
            .map_err(DatabaseError::query("reading the seeded rows"))
    }

    async fn find_parents(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        for key in sqlx::query(FOREIGN_KEYS)
            .fetch_all(&mut *connection)
            .await?
        {
            let place = |schema: &str, name: &str| -> Result<Option<usize>, sqlx::Error> {
                let wanted = quoted(key.try_get(schema)?, key.try_get(name)?);
                let mut tables = self.tables.iter();
                Ok(tables.position(|table| table.target == wanted))
            };
            let (Some(child), Some(parent)) = (
                place("child_schema", "child")?,
                place("parent_schema", "parent")?,
            ) else {
                continue;
            };
            if self.tables[child].key.is_empty() || self.tables[parent].key.is_empty() {
                continue;
            }
            let columns = |name: &str, side: &str| -> Result<Vec<String>, sqlx::Error> {
                let names: Vec<String> = key.try_get(name)?;
                Ok(names
                    .iter()
                    .map(|name| format!("{side}.{}", identifier(name)))
                    .collect())
            };
            let sql = format!(
                "SELECT {}, {} FROM {} c JOIN {} p ON ({}) = ({})",
                self.tables[child].key_texts("c"),
                self.tables[parent].key_texts("p"),
                self.tables[child].target,
                self.tables[parent].target,
                columns("child_columns", "c")?.join(", "),
                columns("parent_columns", "p")?.join(", "),
            );
            let pairs: Vec<(Vec<String>, Vec<String>)> = sqlx::query_as(AssertSqlSafe(sql))
                .fetch_all(&mut *connection)
                .await?;
            let by_key = |table: &SeedTable| -> HashMap<Vec<String>, usize> {
                let rows = table.rows.iter().enumerate();
                rows.map(|(at, row)| (row.key.clone(), at)).collect()
            };
            let (children, parents) = (by_key(&self.tables[child]), by_key(&self.tables[parent]));
            for (ours, theirs) in pairs {
                if let (Some(&row), Some(&of)) = (children.get(&ours), parents.get(&theirs)) {
                    self.tables[child].rows[row].parents.push((parent, of));
                }
            }
        }
        Ok(())
    }

    /// How many rows each table has.
    pub fn counts(&self) -> Vec<usize> {
        self.tables.iter().map(|table| table.rows.len()).collect()
    }

    /// Whether single rows of a table can be told apart.
    pub fn has_key(&self, table: usize) -> bool {
        !self.tables[table].key.is_empty()
    }

    /// These rows and all that foreign keys make them need, in order.
    pub fn with_parents(&self, rows: impl IntoIterator<Item = RowId>) -> Vec<RowId> {
        let mut needed = BTreeSet::new();
        let mut waiting: Vec<RowId> = rows.into_iter().collect();
        while let Some((table, row)) = waiting.pop() {
            if needed.insert((table, row)) {
                waiting.extend(&self.tables[table].rows[row].parents);
            }
        }
        needed.into_iter().collect()
    }

    /// SQL that deletes every row but these from the seeded database.
    pub fn removal(&self, kept: &[RowId]) -> String {
        let mut sql = String::new();
        for (number, table) in self.tables.iter().enumerate() {
            let rows: Vec<&SeedRow> = kept
                .iter()
                .filter(|(of, _)| *of == number)
                .map(|&(_, row)| &table.rows[row])
                .collect();
            if rows.len() == table.rows.len() {
                continue;
            }
            sql.push_str(&format!("DELETE FROM {}", table.target));
            if !rows.is_empty() {
                let keys: Vec<String> = rows.iter().map(|row| row.key_as_sql()).collect();
                sql.push_str(&format!(
                    " t WHERE {} NOT IN ({})",
                    table.key_texts("t"),
                    keys.join(", ")
                ));
            }
            sql.push_str(";\n");
        }
        sql
    }

    /// A seed of these rows alone.
    pub fn seed(&self, kept: &[RowId]) -> String {
        let mut sql = String::new();
        for (number, table) in self.tables.iter().enumerate() {
            let rows: Vec<&str> = kept
                .iter()
                .filter(|(of, _)| *of == number)
                .map(|&(_, row)| table.rows[row].values.as_str())
                .collect();
            if !rows.is_empty() {
                sql.push_str(&format!(
                    "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES\n\t{};\n\n",
                    table.target,
                    table.columns.join(", "),
                    rows.join(",\n\t")
                ));
            }
        }
        for sequence in &self.sequences {
            sql.push_str(sequence);
            sql.push('\n');
        }
        sql
    }
}

impl SeedTable {
    async fn read(connection: &mut PgConnection, table: &Table) -> Result<Self, sqlx::Error> {
        let mut read = Self {
            target: table.quoted(),
            columns: table.column_names().map(identifier).collect(),
            key: table.key().iter().map(|name| identifier(name)).collect(),
            rows: Vec::new(),
        };
        let literals: Vec<String> = read
            .columns
            .iter()
            .map(|name| format!("quote_nullable(t.{name}::text)"))
            .collect();
        let sql = format!(
            "SELECT {}, '(' || concat_ws(', ', {}) || ')' FROM {} t ORDER BY ctid",
            read.key_texts("t"),
            literals.join(", "),
            read.target,
        );
        let rows: Vec<(Vec<String>, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(connection)
            .await?;
        read.rows = rows
            .into_iter()
            .map(|(key, values)| SeedRow {
                key,
                values,
                parents: Vec::new(),
            })
            .collect();
        Ok(read)
    }

    /// SQL for the key of a row as an array of texts.
    fn key_texts(&self, side: &str) -> String {
        let key: Vec<String> = self
            .key
            .iter()
            .map(|name| format!("{side}.{name}::text"))
            .collect();
        format!("ARRAY[{}]::text[]", key.join(", "))
    }
}

impl SeedRow {
    fn key_as_sql(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|text| literal(text)).collect();
        format!("ARRAY[{}]::text[]", key.join(", "))
    }
}
