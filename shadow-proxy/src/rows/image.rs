//! Rows as of one instant, and what changed between two.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use parity::{
    effects::{Change, Effects, net},
    json::{self, Json, Text, Value},
};

use crate::accounts::Fate;

/// Columns of type `numeric`: effects have them as text.
const NUMERIC: [(&str, &str); 1] = [("registry_score", "score")];

/// A row as read.
#[derive(Debug)]
pub(super) struct ImageRow {
    pub(super) table: String,
    /// Primary key as text.
    pub(super) id: String,
    /// Changes whenever the row is written.
    pub(super) version: String,
    /// Reached by the address, not by its number or hash.
    pub(super) own: bool,
    /// As JSON.
    pub(super) text: String,
}

/// Rows as of one instant.
#[derive(Debug)]
pub(super) struct Image(BTreeMap<(String, String), ImageRow>);

impl Image {
    pub(super) fn new(rows: Vec<ImageRow>) -> Self {
        let keyed = rows
            .into_iter()
            .map(|row| ((row.table.clone(), row.id.clone()), row));
        Self(keyed.collect())
    }

    /// Versions of the rows that marks would have.
    pub(super) fn own_versions(&self) -> BTreeSet<String> {
        let own = self.0.values().filter(|row| row.own);
        own.map(|row| format!("{} {} {}", row.table, row.id, row.version))
            .collect()
    }

    pub(super) fn numbers_of(&self, table: &str) -> impl Iterator<Item = i64> {
        let rows = self.0.keys().filter(move |(name, _)| name == table);
        rows.filter_map(|(_, id)| id.parse().ok())
    }

    /// Whether the other image has the same rows in the same versions.
    pub(super) fn is_at_the_versions_of(&self, other: &Self) -> bool {
        let versions = |image: &Self| -> Vec<(String, String, String)> {
            let rows = image.0.values();
            rows.map(|row| (row.table.clone(), row.id.clone(), row.version.clone()))
                .collect()
        };
        versions(self) == versions(other)
    }

    /// Whether these changes can be changes of these rows: what is overwritten or deleted is here,
    /// with those values, and what is claimed is free. Otherwise they were told of other rows than
    /// these: read from a replica that lags, or before somebody else wrote.
    pub(super) fn explains(&self, told: &Effects) -> bool {
        told.0.iter().all(|(table, changes)| {
            let row = |id: &Value<'_>| {
                let id = id.as_str().map_or_else(|| id.to_text(), Cow::into_owned);
                row_of(self.0.get(&(table.clone(), id))?).ok()
            };
            let overwritten = changes.updated.iter().all(|update| {
                row(&update.pk).is_some_and(|row| {
                    let columns = update.before.members().unwrap_or_default();
                    columns
                        .iter()
                        .all(|(name, value)| row.get(&name.decoded()) == Some(value))
                })
            });
            let deleted = changes
                .deleted
                .iter()
                .all(|gone| gone.get("id").is_some_and(|id| row(id).is_some()));
            let claimed = changes.inserted.iter().all(|new| {
                let hash = new.get("hash");
                let taken = |row: &ImageRow| {
                    row.table == *table
                        && row_of(row).is_ok_and(|row| {
                            row.get("hash") == hash
                                && row.get("community_id") == new.get("community_id")
                        })
                };
                hash.is_none() || !self.0.values().any(taken)
            });
            overwritten && deleted && claimed
        })
    }

    /// What turned these rows into those.
    pub(super) fn changes_to(&self, after: &Self) -> Result<Effects, Fate> {
        let keys: BTreeSet<&(String, String)> = self.0.keys().chain(after.0.keys()).collect();
        let mut changes = Vec::new();
        for key in keys {
            let (old, new) = (self.0.get(key), after.0.get(key));
            let same = |old: &ImageRow, new: &ImageRow| old.version == new.version;
            if old.zip(new).is_some_and(|(old, new)| same(old, new)) {
                continue;
            }
            changes.push(Change {
                table: key.0.clone(),
                old: old.map(row_of).transpose()?,
                new: new.map(row_of).transpose()?,
            });
        }
        let tables = changes.iter().map(|change| change.table.clone());
        let by_number = tables.map(|table| (table, vec!["id".to_owned()])).collect();
        Ok(net(changes, &by_number))
    }
}

/// The row as effects have it.
fn row_of(row: &ImageRow) -> Result<Json, Fate> {
    let parsed = json::parse(row.text.as_bytes()).map_err(|error| {
        tracing::error!(%error, table = row.table, "a row is no JSON");
        Fate::Errored("row_no_json")
    })?;
    let Value::Object(members) = parsed.into_owned() else {
        return Err(Fate::Errored("row_no_json"));
    };
    let as_effects = |(name, value): (Text<'static>, Json)| match value {
        Value::Number(number)
            if NUMERIC.contains(&(row.table.as_str(), name.decoded().as_ref())) =>
        {
            (name, Value::string(&number))
        }
        value => (name, value),
    };
    Ok(Value::Object(members.into_iter().map(as_effects).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(table: &str, id: i64, version: &str, text: &str) -> ImageRow {
        ImageRow {
            table: table.to_owned(),
            id: id.to_string(),
            version: version.to_owned(),
            own: true,
            text: text.to_owned(),
        }
    }

    fn told(text: &str) -> Effects {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn two_images_tell_what_was_inserted_updated_and_deleted() {
        let before = Image::new(vec![
            row(
                "registry_score",
                1,
                "10",
                r#"{"id":1,"score":0.000000000,"status":"DONE"}"#,
            ),
            row("registry_stamp", 5, "10", r#"{"id":5,"provider":"a"}"#),
            row("registry_passport", 2, "9", r#"{"id":2}"#),
        ]);
        let after = Image::new(vec![
            row(
                "registry_score",
                1,
                "11",
                r#"{"id":1,"score":1.000000000,"status":"DONE"}"#,
            ),
            row("registry_stamp", 6, "11", r#"{"id":6,"provider":"a"}"#),
            row("registry_passport", 2, "9", r#"{"id":2}"#),
        ]);
        let changes = before.changes_to(&after).unwrap();
        assert_eq!(
            serde_json::to_string(&changes).unwrap(),
            concat!(
                r#"{"registry_score":{"updated":[{"pk":1,"before":{"score": "0.000000000"},"#,
                r#""after":{"score": "1.000000000"}}]},"#,
                r#""registry_stamp":{"inserted":[{"id": 6, "provider": "a"}],"deleted":[{"id": 5, "provider": "a"}]}}"#
            )
        );
        assert!(!before.is_at_the_versions_of(&after));
        assert_ne!(before.own_versions(), after.own_versions());
    }

    #[test]
    fn a_row_written_again_as_it_was_is_no_change() {
        let image = |version| Image::new(vec![row("t", 1, version, r#"{"id":1}"#)]);
        assert!(image("1").changes_to(&image("2")).unwrap().is_empty());
        assert!(!image("1").is_at_the_versions_of(&image("2")));
    }

    #[test]
    fn changes_of_other_rows_than_these_are_noticed() {
        let image = Image::new(vec![
            row("registry_score", 1, "1", r#"{"id":1,"score":1.000000000}"#),
            row(
                "registry_hashscorerlink",
                3,
                "1",
                r#"{"id":3,"hash":"h","community_id":1}"#,
            ),
        ]);
        for (text, explained) in [
            (
                r#"{"registry_score":{"updated":[{"pk":1,"before":{"score":"1.000000000"},"after":{}}]}}"#,
                true,
            ),
            (
                r#"{"registry_score":{"updated":[{"pk":1,"before":{"score":"0.000000000"},"after":{}}]}}"#,
                false,
            ),
            (
                r#"{"registry_score":{"updated":[{"pk":2,"before":{},"after":{}}]}}"#,
                false,
            ),
            (r#"{"registry_score":{"deleted":[{"id":1}]}}"#, true),
            (r#"{"registry_stamp":{"deleted":[{"id":1}]}}"#, false),
            (
                r#"{"registry_hashscorerlink":{"inserted":[{"id":-1,"hash":"h","community_id":1}]}}"#,
                false,
            ),
            (
                r#"{"registry_hashscorerlink":{"inserted":[{"id":-1,"hash":"h","community_id":2}]}}"#,
                true,
            ),
            (r#"{"registry_stamp":{"inserted":[{"id":-1}]}}"#, true),
        ] {
            assert_eq!(image.explains(&told(text)), explained, "{text}");
        }
    }
}
