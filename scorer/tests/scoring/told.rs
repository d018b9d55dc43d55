//! What requests told about their rows, against the rows that are there.

use std::collections::HashMap;

use scorer::effects::{Cell, Change, Effects, Row};

use crate::world::World;

/// Tables that a scoring or a write of stamps inserts into.
const TABLES: [&str; 8] = [
    "registry_passport",
    "registry_score",
    "registry_stamp",
    "registry_hashscorerlink",
    "registry_event",
    "registry_humanpoints",
    "registry_humanpointscommunityqualifiedusers",
    "ceramic_cache_ceramiccache",
];

/// Whether the effects of all requests together are the rows that came: every row told by exactly one
/// request, and deleted by at most one. `before` is what was there, by table.
pub(crate) async fn assert_rows_are_told(world: &World, before: &Rows, effects: &[Effects]) {
    let mut told = before.0.clone();
    for change in effects.iter().flat_map(|effects| &effects.0) {
        match change {
            Change::Inserted { table, row } => {
                let rows = told.entry(*table).or_default();
                rows.push(identifier(row));
            }
            Change::Deleted { table, row } => {
                // Another request may have told of the row after this one in the list.
                told.entry(*table).or_default().push(-identifier(row));
            }
            Change::Updated { .. } => {}
        }
    }
    let now = Rows::of(world).await;
    for table in TABLES {
        let told = balance(told.remove(table).unwrap_or_default());
        assert_eq!(told, balance(now.0[table].clone()), "{table}");
    }
}

/// Identifiers left when every deletion (a negative one) has taken away its row.
fn balance(identifiers: Vec<i64>) -> Vec<(i64, i64)> {
    let mut counts: HashMap<i64, i64> = HashMap::new();
    for identifier in identifiers {
        *counts.entry(identifier.abs()).or_default() += identifier.signum();
    }
    let mut left: Vec<_> = counts
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .collect();
    left.sort_unstable();
    left
}

fn identifier(row: &Row) -> i64 {
    match row[0] {
        ("id", Cell::Int(id)) => id,
        ref other => panic!("a row starts with its identifier, not {other:?}"),
    }
}

/// The identifiers of the rows of each table.
#[derive(Clone)]
pub(crate) struct Rows(HashMap<&'static str, Vec<i64>>);

impl Rows {
    pub(crate) async fn of(world: &World) -> Self {
        let mut rows = HashMap::new();
        for table in TABLES {
            let statement = sqlx::AssertSqlSafe(format!("SELECT id FROM {table}"));
            let found = sqlx::query_scalar(statement).fetch_all(&world.pool).await;
            rows.insert(table, found.unwrap());
        }
        Rows(rows)
    }
}

/// Events of an action among the effects.
pub(crate) fn events(effects: &Effects, action: &str) -> usize {
    let wanted = ("action", Cell::Text(action.to_owned()));
    let is_one = |change: &&Change| matches!(change, Change::Inserted { table: "registry_event", row } if row.contains(&wanted));
    effects.0.iter().filter(is_one).count()
}
