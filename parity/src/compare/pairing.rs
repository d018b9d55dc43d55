//! Which element of one list belongs to which of the other, when the order does not say.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    hash::{BuildHasher as _, Hasher as _},
};

use super::{
    meaning::{Hashing, Meaning, meaning},
    walk::{Path, Walk},
};
use crate::{json::Value, path::Segment};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Reference,
    Candidate,
}

/// Elements that belong together, by index, in the reference's order.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    pub(super) pairs: Vec<(usize, usize)>,
    /// Reference elements without a partner.
    pub(super) missing: Vec<usize>,
    /// Candidate elements without a partner.
    pub(super) extra: Vec<usize>,
    /// Whether the order of the elements has no meaning.
    pub(super) unordered: bool,
}

impl Pairing {
    pub(super) fn in_order(&self) -> bool {
        self.unordered || self.pairs.is_sorted_by_key(|&(_, candidate)| candidate)
    }
}

/// Pairs elements of equal content first, and then those that are most alike: at least half of
/// their members agree. With `keys`, only elements that agree in these members belong together.
pub(super) fn pair<'v>(
    walk: &Walk<'_, '_>,
    path: &mut Path<'v>,
    reference: &'v [Value<'_>],
    candidate: &'v [Value<'_>],
    keys: &[String],
) -> Pairing {
    let ours = contents(walk, path, Side::Reference, reference, keys);
    let theirs = contents(walk, path, Side::Candidate, candidate, keys);
    let mut waiting = Waiting::new(&theirs, walk.scope.hashing.clone());
    let mut pairing = Pairing::default();
    let mut left_over = Vec::new();
    for (index, content) in ours.iter().enumerate() {
        match waiting.take(*content) {
            Some(partner) => pairing.pairs.push((index, partner)),
            None => left_over.push(index),
        }
    }
    let mut free = waiting.left_over();
    // When everything differs nothing would be said by guessing.
    const MOST: usize = 256;
    if keys.is_empty() && left_over.len() <= MOST && free.len() <= MOST {
        let ours = members(walk, path, Side::Reference, reference, &left_over);
        let theirs = members(walk, path, Side::Candidate, candidate, &free);
        pair_alike(&mut pairing, &ours, &theirs);
        left_over.retain(|index| !pairing.pairs.iter().any(|(mine, _)| mine == index));
        free.retain(|index| !pairing.pairs.iter().any(|(_, other)| other == index));
    }
    pairing.pairs.sort_unstable();
    pairing.missing = left_over;
    pairing.extra = free;
    pairing
}

/// Elements that have no partner yet, to be found by their content, the first of equal ones first.
pub(super) struct Waiting {
    first: HashMap<Meaning, usize, Hashing>,
    /// The next element of the same content.
    next: Vec<Option<usize>>,
    taken: Vec<bool>,
}

impl Waiting {
    pub(super) fn new(contents: &[Meaning], hashing: Hashing) -> Self {
        let mut first = HashMap::with_capacity_and_hasher(contents.len(), hashing);
        let mut next = vec![None; contents.len()];
        for (index, content) in contents.iter().enumerate().rev() {
            next[index] = first.insert(*content, index);
        }
        Waiting {
            first,
            next,
            taken: vec![false; contents.len()],
        }
    }

    pub(super) fn take(&mut self, content: Meaning) -> Option<usize> {
        let Entry::Occupied(mut first) = self.first.entry(content) else {
            return None;
        };
        let index = *first.get();
        match self.next[index] {
            Some(next) => *first.get_mut() = next,
            None => drop(first.remove()),
        }
        self.taken[index] = true;
        Some(index)
    }

    pub(super) fn left_over(self) -> Vec<usize> {
        let indices = 0..self.taken.len();
        indices.filter(|&index| !self.taken[index]).collect()
    }
}

/// What each element is recognised by: its whole meaning, or that of each key it has.
fn contents<'v>(
    walk: &Walk<'_, '_>,
    path: &mut Path<'v>,
    side: Side,
    values: &'v [Value<'_>],
    keys: &[String],
) -> Vec<Meaning> {
    let mut contents = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        path.push(Segment::Index(index));
        contents.push(if keys.is_empty() {
            meaning(walk, path, side, value)
        } else {
            let members = value.members().unwrap_or_default();
            let mut content = walk.scope.hashing.build_hasher();
            for key in keys {
                let member = members.iter().find(|(name, _)| name.written() == key);
                content.write_u8(u8::from(member.is_some()));
                if let Some((name, member)) = member {
                    path.push(Segment::Key(name.written()));
                    content.write_u64(meaning(walk, path, side, member));
                    path.pop();
                }
            }
            content.finish()
        });
        path.pop();
    }
    contents
}

/// An element by its index, with the meaning of each of its members.
type Members<'v> = (usize, Vec<(&'v str, Meaning)>);

fn members<'v>(
    walk: &Walk<'_, '_>,
    path: &mut Path<'v>,
    side: Side,
    values: &'v [Value<'_>],
    indices: &[usize],
) -> Vec<Members<'v>> {
    let mut elements = Vec::with_capacity(indices.len());
    for &index in indices {
        path.push(Segment::Index(index));
        let mut members = Vec::new();
        for (key, member) in values[index].members().unwrap_or_default() {
            path.push(Segment::Key(key.written()));
            members.push((key.written(), meaning(walk, path, side, member)));
            path.pop();
        }
        path.pop();
        elements.push((index, members));
    }
    elements
}

/// Pairs what is left over by likeness, the most alike first. A single element on each side is
/// paired when it is at all alike.
fn pair_alike(pairing: &mut Pairing, ours: &[Members<'_>], theirs: &[Members<'_>]) {
    let mut likenesses = Vec::new();
    for (mine, a) in ours {
        for (other, b) in theirs {
            let equal = a.iter().filter(|member| b.contains(member)).count();
            let all = a.len().max(b.len());
            let is_alike = equal > 0 && equal * 2 >= all;
            if is_alike {
                likenesses.push((equal * 1_000 / all, *mine, *other));
            }
        }
    }
    likenesses.sort_by_key(|&(likeness, mine, other)| (std::cmp::Reverse(likeness), mine, other));
    let (mut left_over, mut free): (BTreeSet<usize>, BTreeSet<usize>) = (
        ours.iter().map(|(index, _)| *index).collect(),
        theirs.iter().map(|(index, _)| *index).collect(),
    );
    for (_, mine, other) in likenesses {
        if left_over.contains(&mine) && free.contains(&other) {
            left_over.remove(&mine);
            free.remove(&other);
            pairing.pairs.push((mine, other));
        }
    }
}
