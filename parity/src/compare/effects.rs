//! Changed rows of two sides, table by table.

use super::{
    Findings, Scope,
    meaning::{Meaning, meaning},
    pairing::{Side, Waiting, pair},
    walk::{Path, Walk},
};
use crate::{
    bind::Bindings,
    effects::{Effects, RowUpdate, TableEffects},
    json::{Json, Value},
    outcome::{Kind, Place},
    path::Segment,
    rules::Equivalence,
};

pub(super) fn compare(
    scope: &Scope<'_>,
    bindings: &mut Bindings,
    findings: &mut Findings,
    reference: &Effects,
    candidate: &Effects,
) {
    let mut tables: Vec<&str> = reference
        .0
        .keys()
        .chain(candidate.0.keys())
        .map(String::as_str)
        .collect();
    // Rows that others refer to come first: pairing them binds their numbers.
    tables.sort_by_key(|table| (scope.context.rules.identities().rank(table), *table));
    tables.dedup();
    let none = TableEffects::default();
    for table in tables {
        let ours = reference.0.get(table).unwrap_or(&none);
        let theirs = candidate.0.get(table).unwrap_or(&none);
        let mut walk = Walk::new(scope, bindings, findings, Place::Effects, table);
        rows(
            &mut walk,
            "inserted",
            &ours.inserted,
            &theirs.inserted,
            true,
        );
        updates(&mut walk, &ours.updated, &theirs.updated);
        // The order in which rows vanished leaves no trace.
        rows(&mut walk, "deleted", &ours.deleted, &theirs.deleted, false);
    }
}

/// Whole rows, paired by content. The order of insertion shows in the numbers rows get, so it
/// counts unless a rule says that it is undefined.
fn rows<'v>(
    walk: &mut Walk<'_, '_>,
    list: &'static str,
    reference: &'v [Json],
    candidate: &'v [Json],
    order_counts: bool,
) {
    let mut path: Path<'v> = vec![Segment::Key(list)];
    let mut pairing = pair(walk, &mut path, reference, candidate, &[]);
    pairing.unordered = !order_counts;
    let unordered = walk.rule(&path, Equivalence::leaves_order_open);
    walk.paired(&mut path, reference, candidate, &pairing, unordered);
}

/// Updates, paired by what their key stands for.
fn updates<'v>(walk: &mut Walk<'_, '_>, reference: &'v [RowUpdate], candidate: &'v [RowUpdate]) {
    let mut path: Path<'v> = vec![Segment::Key("updated")];
    let theirs: Vec<Meaning> = (0..candidate.len())
        .map(|index| {
            path.push(Segment::Index(index));
            let key = key(walk, &mut path, Side::Candidate, &candidate[index]);
            path.pop();
            key
        })
        .collect();
    let mut waiting = Waiting::new(&theirs, walk.scope.hashing.clone());
    for (index, ours) in reference.iter().enumerate() {
        path.push(Segment::Index(index));
        let key = key(walk, &mut path, Side::Reference, ours);
        match waiting.take(key) {
            Some(partner) => columns(walk, &mut path, ours, &candidate[partner]),
            None => walk.diverged(&path, Kind::Missing, Some(&whole(ours)), None),
        }
        path.pop();
    }
    for other in waiting.left_over() {
        path.push(Segment::Index(other));
        walk.diverged(&path, Kind::Extra, None, Some(&whole(&candidate[other])));
        path.pop();
    }
}

fn key<'v>(walk: &Walk<'_, '_>, path: &mut Path<'v>, side: Side, update: &'v RowUpdate) -> Meaning {
    path.push(Segment::Key("pk"));
    let key = meaning(walk, path, side, &update.pk);
    path.pop();
    key
}

/// Values that were written, column by column, and those that were overwritten where both sides
/// overwrote any.
fn columns<'v>(
    walk: &mut Walk<'_, '_>,
    path: &mut Path<'v>,
    reference: &'v RowUpdate,
    candidate: &'v RowUpdate,
) {
    let pairs = [
        ("pk", &reference.pk, &candidate.pk),
        ("after", &reference.after, &candidate.after),
    ];
    for (part, ours, theirs) in pairs {
        path.push(Segment::Key(part));
        walk.compare(path, ours, theirs);
        path.pop();
    }
    path.push(Segment::Key("before"));
    for (column, ours) in reference.before.members().unwrap_or_default() {
        if let Some(theirs) = candidate.before.get(&column.decoded()) {
            path.push(Segment::Key(column.written()));
            walk.compare(path, ours, theirs);
            path.pop();
        }
    }
    path.pop();
}

fn whole(update: &RowUpdate) -> Json {
    let text = |key| crate::json::Text::from_decoded(key);
    Value::Object(vec![
        (text("pk"), update.pk.clone()),
        (text("before"), update.before.clone()),
        (text("after"), update.after.clone()),
    ])
}
