//! Small changes to JSON, headers and rows. Each says whether there was anything to change.

use parity::{
    compare::Observation,
    effects::TableEffects,
    json::{Json, Text, Value, parse},
};

/// Changes the JSON body, written as Python writes it, and its length.
pub(super) fn body(candidate: &mut Observation, change: impl FnOnce(&mut Json) -> bool) -> bool {
    let Ok(value) = parse(&candidate.response.body) else {
        return false;
    };
    let mut value = value.into_owned();
    if !change(&mut value) {
        return false;
    }
    replace_body(candidate, value.to_text());
    true
}

pub(super) fn replace_body(candidate: &mut Observation, text: String) {
    let length = text.len().to_string();
    candidate.response.body = text.into();
    for (name, value) in &mut candidate.response.headers.0 {
        if name.eq_ignore_ascii_case("content-length") {
            *value = length.clone().into_bytes();
        }
    }
}

/// The value below these keys; `0` and the like are indices.
pub(super) fn at<'j>(json: &'j mut Json, path: &[&str]) -> Option<&'j mut Json> {
    let Some((first, rest)) = path.split_first() else {
        return Some(json);
    };
    let child = match json {
        Value::Object(members) => members
            .iter_mut()
            .find(|(key, _)| key == *first)
            .map(|(_, value)| value)?,
        Value::Array(elements) => elements.get_mut(first.parse::<usize>().ok()?)?,
        _ => return None,
    };
    at(child, rest)
}

/// The score object of an answer: the answer itself, or its `score`.
pub(super) fn score(json: &mut Json) -> Option<&mut Json> {
    let nested = json
        .get("score")
        .is_some_and(|score| score.members().is_some());
    let score = if nested { at(json, &["score"])? } else { json };
    score.get("passing_score").is_some().then_some(score)
}

/// Changes the text at a path, when it is a text and the change is one.
pub(super) fn text(json: Option<&mut Json>, change: impl FnOnce(&str) -> String) -> bool {
    let Some(json) = json else { return false };
    let Some(old) = json.as_str().map(|text| text.into_owned()) else {
        return false;
    };
    let new = change(&old);
    let changed = new != old;
    *json = Value::<'static>::string(&new);
    changed
}

/// Changes the number at a path.
pub(super) fn number(json: Option<&mut Json>, change: impl FnOnce(&str) -> String) -> bool {
    match json {
        Some(Value::Number(old)) => {
            let new = change(old);
            let changed = *old != new;
            *old = new.into();
            changed
        }
        _ => false,
    }
}

pub(super) fn flip(json: Option<&mut Json>) -> bool {
    match json {
        Some(Value::Bool(value)) => {
            *value = !*value;
            true
        }
        _ => false,
    }
}

/// Puts another value where there is one.
pub(super) fn put(json: Option<&mut Json>, value: Json) -> bool {
    match json {
        Some(old) if *old != value => {
            *old = value;
            true
        }
        _ => false,
    }
}

pub(super) fn members(json: Option<&mut Json>) -> Option<&mut Vec<(Text<'static>, Json)>> {
    match json {
        Some(Value::Object(members)) => Some(members),
        _ => None,
    }
}

pub(super) fn elements(json: Option<&mut Json>) -> Option<&mut Vec<Json>> {
    match json {
        Some(Value::Array(elements)) => Some(elements),
        _ => None,
    }
}

pub(super) fn remove(json: Option<&mut Json>, key: &str) -> bool {
    let Some(members) = members(json) else {
        return false;
    };
    let before = members.len();
    members.retain(|(name, _)| name != key);
    members.len() < before
}

/// Swaps the first two, when they differ.
pub(super) fn swap<T: PartialEq>(list: Option<&mut Vec<T>>) -> bool {
    match list {
        Some(list) if list.len() > 1 && list[0] != list[1] => {
            list.swap(0, 1);
            true
        }
        _ => false,
    }
}

pub(super) fn drop_first<T>(list: Option<&mut Vec<T>>) -> bool {
    match list {
        Some(list) if !list.is_empty() => {
            list.remove(0);
            true
        }
        _ => false,
    }
}

pub(super) fn double_first<T: Clone>(list: Option<&mut Vec<T>>) -> bool {
    match list {
        Some(list) if !list.is_empty() => {
            list.insert(0, list[0].clone());
            true
        }
        _ => false,
    }
}

/// The last digit in a text, one up.
pub(super) fn last_digit_up(text: &str) -> String {
    digit_up(text, |text| text.rfind(|c: char| c.is_ascii_digit()))
}

/// The digit at an index that `find` gives, one up.
pub(super) fn digit_up(text: &str, find: impl FnOnce(&str) -> Option<usize>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if let Some(byte) = find(text).and_then(|at| bytes.get_mut(at)) {
        *byte = if *byte == b'9' { b'0' } else { *byte + 1 };
    }
    String::from_utf8(bytes).expect("only digits changed")
}

pub(super) fn set_header(
    candidate: &mut Observation,
    name: &str,
    change: impl FnOnce(&str) -> String,
) -> bool {
    let headers = &mut candidate.response.headers.0;
    let Some((_, value)) = headers
        .iter_mut()
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
    else {
        return false;
    };
    let old = String::from_utf8_lossy(value).into_owned();
    let new = change(&old);
    *value = new.clone().into_bytes();
    old != new
}

pub(super) fn drop_header(candidate: &mut Observation, name: &str) -> bool {
    let headers = &mut candidate.response.headers.0;
    let before = headers.len();
    headers.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
    headers.len() < before
}

pub(super) fn table<'o>(
    candidate: &'o mut Observation,
    name: &str,
) -> Option<&'o mut TableEffects> {
    candidate.effects.as_mut()?.0.get_mut(name)
}

/// First inserted row of a table.
pub(super) fn inserted<'o>(candidate: &'o mut Observation, name: &str) -> Option<&'o mut Json> {
    table(candidate, name)?.inserted.first_mut()
}

pub(super) fn plus(number: &str, by: i64) -> String {
    number
        .parse::<i64>()
        .map_or_else(|_| number.to_owned(), |number| (number + by).to_string())
}
