//! Which element of one list belongs to which of the other, when the order does not say.

use std::collections::HashMap;

use super::walk::{Path, Walk};
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
    let mut waiting: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, content) in theirs.iter().enumerate().rev() {
        waiting.entry(&content.whole).or_default().push(index);
    }
    let mut pairing = Pairing::default();
    let mut left_over = Vec::new();
    for (index, content) in ours.iter().enumerate() {
        match waiting.get_mut(content.whole.as_str()).and_then(Vec::pop) {
            Some(partner) => pairing.pairs.push((index, partner)),
            None => left_over.push(index),
        }
    }
    let mut free: Vec<usize> = waiting.into_values().flatten().collect();
    free.sort_unstable();
    if keys.is_empty() {
        pair_alike(&mut pairing, &ours, &theirs, &mut left_over, &mut free);
    }
    pairing.pairs.sort_unstable();
    pairing.missing = left_over;
    pairing.extra = free;
    pairing
}

/// What an element is recognised by.
struct Content {
    whole: String,
    /// Members of an object, each as text.
    members: Vec<(String, String)>,
}

fn contents<'v>(
    walk: &Walk<'_, '_>,
    path: &mut Path<'v>,
    side: Side,
    values: &'v [Value<'_>],
    keys: &[String],
) -> Vec<Content> {
    let mut contents = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        path.push(Segment::Index(index));
        let mut members = Vec::new();
        for (key, member) in value.members().unwrap_or_default() {
            path.push(Segment::Key(key.written()));
            members.push((key.written().to_owned(), walk.canonical(path, side, member)));
            path.pop();
        }
        let whole = if keys.is_empty() {
            walk.canonical(path, side, value)
        } else {
            let named = keys.iter().map(|key| {
                members
                    .iter()
                    .find(|(name, _)| name == key)
                    .map_or("", |(_, text)| text.as_str())
            });
            named.collect::<Vec<_>>().join("\n")
        };
        path.pop();
        contents.push(Content { whole, members });
    }
    contents
}

/// Pairs what is left over by likeness, the most alike first. A single element on each side is
/// paired when it is at all alike.
fn pair_alike(
    pairing: &mut Pairing,
    ours: &[Content],
    theirs: &[Content],
    left_over: &mut Vec<usize>,
    free: &mut Vec<usize>,
) {
    // Everything differs: nothing would be said by guessing.
    const MOST: usize = 256;
    if left_over.len() > MOST || free.len() > MOST {
        return;
    }
    let mut likenesses = Vec::new();
    for &mine in left_over.iter() {
        for &other in free.iter() {
            let (a, b) = (&ours[mine].members, &theirs[other].members);
            let equal = a.iter().filter(|member| b.contains(member)).count();
            let all = a.len().max(b.len());
            let is_alike = equal > 0 && equal * 2 >= all;
            if is_alike {
                likenesses.push((equal * 1_000 / all, mine, other));
            }
        }
    }
    likenesses.sort_by_key(|&(likeness, mine, other)| (std::cmp::Reverse(likeness), mine, other));
    for (_, mine, other) in likenesses {
        if left_over.contains(&mine) && free.contains(&other) {
            left_over.retain(|&index| index != mine);
            free.retain(|&index| index != other);
            pairing.pairs.push((mine, other));
        }
    }
}
