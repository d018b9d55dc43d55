//! Row changes as values: what a request inserts, updates and deletes.

use chrono::{DateTime, Utc};

use crate::python::Value;

/// Row changes in the order in which the Python service would make them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects(pub Vec<Change>);

/// One changed row.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Inserted {
        table: &'static str,
        row: Row,
    },
    /// `before` and `after` hold the changed columns only, `key` the primary key.
    Updated {
        table: &'static str,
        key: Row,
        before: Row,
        after: Row,
    },
    Deleted {
        table: &'static str,
        row: Row,
    },
}

/// Columns of a row with their values.
pub type Row = Vec<(&'static str, Cell)>;

/// A column value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    /// Negative where the database would assign an identity value in dry-run mode.
    Int(i64),
    Text(String),
    /// A `numeric`, as text with the full scale of its column.
    Numeric(String),
    /// A `timestamptz`, microsecond precision.
    Timestamp(DateTime<Utc>),
    /// A `jsonb`, already normalised as PostgreSQL stores it.
    Json(Value),
}
