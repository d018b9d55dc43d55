//! Several changes of one row become the one that remains.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
};

use super::{Effects, RowUpdate, TableEffects};
use crate::json::{Json, Value};

/// One change of one row: no `old` for an insert, no `new` for a delete.
#[derive(Debug)]
pub struct Change {
    /// Name of the table, as it appears in effects.
    pub table: String,
    pub old: Option<Json>,
    pub new: Option<Json>,
}

/// A row before the first and after the last change.
#[derive(Debug)]
struct Net {
    key: Vec<Json>,
    before: Option<Json>,
    after: Option<Json>,
}

/// What remains of the changes, rows in the order of their primary keys. `keys` names the columns
/// of the primary key of each table; rows of a table without one are told apart as a whole.
pub fn net(changes: Vec<Change>, keys: &BTreeMap<String, Vec<String>>) -> Effects {
    let mut tables: BTreeMap<String, Vec<Net>> = BTreeMap::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for Change { table, old, new } in changes {
        let columns = keys.get(&table).map_or(&[][..], Vec::as_slice);
        let old_key = old.as_ref().map(|row| key_of(row, columns));
        let new_key = new.as_ref().map(|row| key_of(row, columns));
        let rows = tables.entry(table.clone()).or_default();
        let mut note = |key: Vec<Json>, before: Option<Json>, after: Option<Json>| {
            let text = Value::Array(key.clone()).to_text();
            let place = *places.entry((table.clone(), text)).or_insert_with(|| {
                rows.push(Net {
                    key,
                    before,
                    after: None,
                });
                rows.len() - 1
            });
            rows[place].after = after;
        };
        match (old_key, new_key) {
            (Some(from), Some(to)) if from == to => note(from, old, new),
            (from, to) => {
                if let Some(from) = from {
                    note(from, old, None);
                }
                if let Some(to) = to {
                    note(to, None, new);
                }
            }
        }
    }
    let mut effects = Effects::default();
    for (table, mut rows) in tables {
        rows.sort_by(|a, b| compare_keys(&a.key, &b.key));
        let mut changed = TableEffects::default();
        for row in rows {
            match (row.before, row.after) {
                (None, Some(after)) => changed.inserted.push(after),
                (Some(before), None) => changed.deleted.push(before),
                (Some(before), Some(after)) => {
                    changed.updated.extend(update(row.key, &before, &after));
                }
                (None, None) => {}
            }
        }
        if !changed.is_empty() {
            effects.0.insert(table, changed);
        }
    }
    effects
}

fn key_of(row: &Json, columns: &[String]) -> Vec<Json> {
    if columns.is_empty() {
        return vec![row.clone()];
    }
    columns
        .iter()
        .map(|column| row.get(column).cloned().unwrap_or(Value::Null))
        .collect()
}

/// The columns that changed, or nothing when none did. A key of one column stands for itself.
fn update(mut key: Vec<Json>, before: &Json, after: &Json) -> Option<RowUpdate> {
    let changed = |row: &Json, other: &Json| {
        let columns = row.members().unwrap_or_default();
        Value::Object(
            columns
                .iter()
                .filter(|(name, value)| other.get(&name.decoded()) != Some(value))
                .cloned()
                .collect(),
        )
    };
    if before == after {
        return None;
    }
    let pk = match key.len() {
        1 => key.remove(0),
        _ => Value::Array(key),
    };
    Some(RowUpdate {
        pk,
        before: changed(before, after),
        after: changed(after, before),
    })
}

/// Numbers by size, everything else by its text.
fn compare_keys(a: &[Json], b: &[Json]) -> Ordering {
    let number = |value: &Json| match value {
        Value::Number(text) => text.parse::<i128>().ok(),
        _ => None,
    };
    a.iter()
        .zip(b)
        .map(|(a, b)| match (number(a), number(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.to_text().cmp(&b.to_text()),
        })
        .find(|ordering| ordering.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        crate::json::parse(text.as_bytes()).unwrap().into_owned()
    }

    fn change(old: &str, new: &str) -> Change {
        let row = |text: &str| (!text.is_empty()).then(|| json(text));
        Change {
            table: "t".to_owned(),
            old: row(old),
            new: row(new),
        }
    }

    fn netted(changes: Vec<Change>) -> String {
        let keys = BTreeMap::from([("t".to_owned(), vec!["id".to_owned()])]);
        serde_json::to_string(&net(changes, &keys)).unwrap()
    }

    #[test]
    fn changes_of_one_row_become_the_one_that_remains() {
        let (a, b, c) = (
            r#"{"id": 1, "n": "1.0", "m": 1}"#,
            r#"{"id": 1, "n": "2.0", "m": 1}"#,
            r#"{"id": 1, "n": "3.0", "m": 1}"#,
        );
        assert_eq!(
            netted(vec![change("", a), change(a, b)]),
            format!(r#"{{"t":{{"inserted":[{b}]}}}}"#)
        );
        assert_eq!(
            netted(vec![change(a, b), change(b, c)]),
            r#"{"t":{"updated":[{"pk":1,"before":{"n": "1.0"},"after":{"n": "3.0"}}]}}"#
        );
        assert_eq!(
            netted(vec![change(a, b), change(b, "")]),
            format!(r#"{{"t":{{"deleted":[{a}]}}}}"#)
        );
        assert_eq!(
            netted(vec![change(a, ""), change("", b)]),
            r#"{"t":{"updated":[{"pk":1,"before":{"n": "1.0"},"after":{"n": "2.0"}}]}}"#
        );
    }

    #[test]
    fn what_cancels_out_does_not_show() {
        let (a, b) = (r#"{"id": 1, "n": 1}"#, r#"{"id": 1, "n": 2}"#);
        assert_eq!(netted(vec![change("", a), change(a, "")]), "{}");
        assert_eq!(netted(vec![change(a, b), change(b, a)]), "{}");
        assert_eq!(netted(vec![change(a, a)]), "{}");
    }

    #[test]
    fn a_changed_key_is_another_row() {
        let (a, b) = (r#"{"id": 1}"#, r#"{"id": 2}"#);
        assert_eq!(
            netted(vec![change(a, b)]),
            format!(r#"{{"t":{{"inserted":[{b}],"deleted":[{a}]}}}}"#)
        );
    }

    #[test]
    fn rows_come_in_the_order_of_their_keys() {
        let (two, ten) = (r#"{"id": 2}"#, r#"{"id": 10}"#);
        assert_eq!(
            netted(vec![change("", ten), change("", two)]),
            format!(r#"{{"t":{{"inserted":[{two},{ten}]}}}}"#)
        );
    }

    #[test]
    fn rows_without_a_key_are_told_apart_as_a_whole() {
        let (a, b) = (json(r#"{"n": 1}"#), json(r#"{"n": 2}"#));
        let changes = vec![Change {
            table: "t".to_owned(),
            old: Some(a.clone()),
            new: Some(b.clone()),
        }];
        let effects = net(changes, &BTreeMap::new());
        assert_eq!(effects.0["t"].deleted, [a]);
        assert_eq!(effects.0["t"].inserted, [b]);
    }
}
