//! The rows a request inserted, updated and deleted.

mod net;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::Json;

pub use net::{Change, net};

/// Changed rows by table name. Numerics are strings with their full scale, jsonb is JSON,
/// timestamps are ISO 8601 in UTC.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Effects(pub BTreeMap<String, TableEffects>);

/// Changed rows of one table, in the order they were written where that is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEffects {
    /// Whole rows, each a JSON object of column to value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inserted: Vec<Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updated: Vec<RowUpdate>,
    /// Whole rows as they were before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<Json>,
}

/// One updated row: only the columns that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowUpdate {
    pub pk: Json,
    pub before: Json,
    pub after: Json,
}

impl Effects {
    /// Whether no row changed.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(TableEffects::is_empty)
    }

    /// Whether the table has changed rows.
    pub fn touch(&self, table: &str) -> bool {
        self.0.get(table).is_some_and(|rows| !rows.is_empty())
    }
}

impl TableEffects {
    pub fn is_empty(&self) -> bool {
        self.inserted.is_empty() && self.updated.is_empty() && self.deleted.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_jsonb_columns_survive_reading_and_writing() {
        let text = r#"{"t":{"inserted":[{"id": 1, "data": {"a": 1.50, "b": 1e400}}]}}"#;
        let effects: Effects = serde_json::from_str(text).expect("reads");
        assert_eq!(serde_json::to_string(&effects).expect("writes"), text);
        assert!(effects.touch("t"));
        assert!(!effects.touch("u"));
    }
}
