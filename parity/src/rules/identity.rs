//! Identities that the server makes: which columns and places hold which object's number.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{RulesError, file::parse_patterns};
use crate::{
    json::Value,
    path::{Pattern, Segment},
};

/// One `[[identity]]` as written in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityEntry {
    /// Table whose rows are numbered.
    table: String,
    /// Its identity column.
    #[serde(default = "default_column")]
    column: String,
    /// Columns of other tables that hold this number, as `table.column`.
    #[serde(default)]
    referenced_by: Vec<String>,
    /// Other places that hold it: in jsonb columns, in response bodies (`$.…`), in request bodies
    /// (`request.…`), or in the request target (`target.<parameter>`).
    #[serde(default)]
    places: Vec<String>,
}

fn default_column() -> String {
    "id".into()
}

/// All places where identities stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identities {
    /// By the root of their pattern.
    places: BTreeMap<String, Vec<IdentityPlace>>,
    /// How many steps of reference away from a table without parents; parents are paired first.
    ranks: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
struct IdentityPlace {
    object: String,
    sort: Sort,
    pattern: Pattern,
}

/// Whether a place gives an object its number or mentions it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The identity column of an inserted row.
    Definition,
    Mention,
}

/// The places below one root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RootIdentities<'a> {
    places: &'a [IdentityPlace],
}

impl<'a> RootIdentities<'a> {
    /// Object whose number stands at a place.
    pub(crate) fn at(&self, path: &[Segment<'_>]) -> Option<(&'a str, Sort)> {
        self.places
            .iter()
            .find(|place| place.pattern.matches_below_root(path))
            .map(|place| (place.object.as_str(), place.sort))
    }

    /// Whether a number stands in the value at a place.
    pub(crate) fn are_in(&self, path: &[Segment<'_>], value: &Value<'_>) -> bool {
        self.places
            .iter()
            .any(|place| place.pattern.reaches_into(path) && place.pattern.is_in(path.len(), value))
    }
}

impl Identities {
    pub(super) fn new(entries: Vec<IdentityEntry>) -> Result<Self, RulesError> {
        let mut places: BTreeMap<String, Vec<IdentityPlace>> = BTreeMap::new();
        let mut parents: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in entries {
            let IdentityEntry {
                table,
                column,
                referenced_by,
                places: mentions,
            } = entry;
            let owner = format!("identity of `{table}`");
            let mut mentions: Vec<String> = mentions;
            mentions.push(format!("{table}.deleted[*].{column}"));
            mentions.push(format!("{table}.updated[*].pk"));
            for reference in referenced_by {
                let (child, column) =
                    reference
                        .split_once('.')
                        .ok_or_else(|| RulesError::Invalid {
                            owner: owner.clone(),
                            message: format!("`{reference}` is not `table.column`"),
                        })?;
                for list in [
                    "inserted[*]",
                    "deleted[*]",
                    "updated[*].before",
                    "updated[*].after",
                ] {
                    mentions.push(format!("{child}.{list}.{column}"));
                }
            }
            let definition = [format!("{table}.inserted[*].{column}")];
            for (sort, paths) in [
                (Sort::Definition, definition.as_slice()),
                (Sort::Mention, &mentions),
            ] {
                for pattern in parse_patterns(&owner, paths)? {
                    if pattern.root() != table {
                        parents
                            .entry(pattern.root().to_owned())
                            .or_default()
                            .push(table.clone());
                    }
                    let below = places.entry(pattern.root().to_owned()).or_default();
                    below.push(IdentityPlace {
                        object: table.clone(),
                        sort,
                        pattern,
                    });
                }
            }
        }
        let ranks = parents
            .keys()
            .map(|table| (table.clone(), rank(table, &parents, parents.len() + 1)))
            .collect();
        Ok(Identities { places, ranks })
    }

    /// The places below one root.
    pub(crate) fn below(&self, root: &str) -> RootIdentities<'_> {
        RootIdentities {
            places: self.places.get(root).map_or(&[], Vec::as_slice),
        }
    }

    /// Whether any place lies in the value with this root.
    pub(crate) fn reach(&self, root: &str) -> bool {
        self.places.contains_key(root)
    }

    /// Parameters of the request target that hold a number.
    pub(crate) fn target_parameters(&self) -> impl Iterator<Item = &str> {
        self.below("target")
            .places
            .iter()
            .filter_map(|place| place.pattern.last_key())
    }

    /// Tables with a lower rank are paired first, because those with a higher one refer to them.
    pub(crate) fn rank(&self, table: &str) -> usize {
        self.ranks.get(table).copied().unwrap_or(0)
    }
}

/// `fuel` ends the walk when tables refer to each other in a circle.
fn rank(table: &str, parents: &BTreeMap<String, Vec<String>>, fuel: usize) -> usize {
    if fuel == 0 {
        return 0;
    }
    parents
        .get(table)
        .into_iter()
        .flatten()
        .map(|parent| rank(parent, parents, fuel - 1) + 1)
        .max()
        .unwrap_or(0)
}
