//! What a value means, as a number: equal for elements and rows that belong together.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::quality::{FoldHasher, RandomState};

use super::{
    pairing::Side,
    walk::{Path, Walk, is_name},
};
use crate::{json::Value, outcome::Place, path::Segment, rules::Sort};

/// A hash. Two meanings that collide would only pair elements that do not belong together; these
/// are then compared, so that no difference is lost.
pub(super) type Meaning = u64;

/// The hash function of one comparison, seeded at random: values that collide in one run do not in
/// the next.
pub(super) type Hashing = RandomState;

/// The meaning of the value at `path`. Numbers that are bound mean what they are bound to, new ones
/// mean nothing; a time that this side's own clock showed means the step in which it did.
pub(super) fn meaning<'v>(
    walk: &Walk<'_, '_>,
    path: &mut Path<'v>,
    side: Side,
    value: &'v Value<'_>,
) -> Meaning {
    let mut hasher = walk.scope.hashing.build_hasher();
    add(&mut hasher, walk, path, side, value);
    hasher.finish()
}

fn add<'v>(
    hasher: &mut FoldHasher<'_>,
    walk: &Walk<'_, '_>,
    path: &mut Path<'v>,
    side: Side,
    value: &'v Value<'_>,
) {
    if let Some((object, sort)) = walk.identities.at(path)
        && is_name(value)
    {
        if sort == Sort::Definition {
            return hasher.write_u8(b'?');
        }
        let name = value.to_text();
        // Both sides in the reference's numbers.
        let bound = match side {
            Side::Reference => None,
            Side::Candidate => walk.bindings.reference_for(object, &name),
        };
        hasher.write_u8(b'=');
        return bound.unwrap_or(&name).hash(hasher);
    }
    match value {
        Value::Null => hasher.write_u8(b'n'),
        Value::Bool(value) => hasher.write_u8(if *value { b't' } else { b'f' }),
        Value::Number(text) => {
            hasher.write_u8(b'#');
            text.hash(hasher);
        }
        Value::String(text) => {
            let clocks = walk.bindings.clocks();
            if !clocks.is_empty()
                && let Some(step) =
                    clocks.step_of(side as usize, &text.decoded(), walk.origin(path))
            {
                hasher.write_u8(b'@');
                return hasher.write_usize(step);
            }
            hasher.write_u8(b'"');
            text.hash(hasher);
        }
        Value::Array(elements) => {
            hasher.write_u8(b'[');
            hasher.write_usize(elements.len());
            for (index, element) in elements.iter().enumerate() {
                path.push(Segment::Index(index));
                add(hasher, walk, path, side, element);
                path.pop();
            }
        }
        Value::Object(members) => {
            hasher.write_u8(b'{');
            hasher.write_usize(members.len());
            // Rows and jsonb columns have no order of keys.
            if walk.place == Place::Effects {
                let mut meanings: Vec<(&str, Meaning)> = Vec::with_capacity(members.len());
                for (key, member) in members {
                    path.push(Segment::Key(key.written()));
                    meanings.push((key.written(), meaning(walk, path, side, member)));
                    path.pop();
                }
                meanings.sort_unstable();
                return meanings.hash(hasher);
            }
            for (key, member) in members {
                path.push(Segment::Key(key.written()));
                key.hash(hasher);
                add(hasher, walk, path, side, member);
                path.pop();
            }
        }
    }
}
