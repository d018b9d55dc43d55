//! The rows a request inserted, updated and deleted.

use std::collections::BTreeMap;

use crate::json::Json;

/// Changed rows by table name. Numerics are strings with their full scale, jsonb is JSON,
/// timestamps are ISO 8601 in UTC.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects(pub BTreeMap<String, TableEffects>);

/// Changed rows of one table, in the order they were written where that is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableEffects {
    /// Whole rows, each a JSON object of column to value.
    pub inserted: Vec<Json>,
    pub updated: Vec<RowUpdate>,
    /// Whole rows as they were before.
    pub deleted: Vec<Json>,
}

/// One updated row: only the columns that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct RowUpdate {
    pub pk: Json,
    pub before: Json,
    pub after: Json,
}
