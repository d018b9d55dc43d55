//! What a scenario can be taken apart into.

use bytes::Bytes;

use crate::{
    fixture::{Scenario, Step},
    json::{self, Value},
};

/// Way from a body's root to a value: positions among the children.
pub(super) type BodyPath = Vec<usize>;

fn edited(whole: &Scenario, step: usize, edit: impl FnOnce(&mut Step)) -> Scenario {
    let mut scenario = whole.clone();
    edit(&mut scenario.steps[step]);
    scenario
}

/// Without the SQL before the step.
pub(super) fn without_sql(whole: &Scenario, step: usize) -> Scenario {
    edited(whole, step, |step| step.sql_before = None)
}

/// Without emptying the cache before the step.
pub(super) fn without_flush(whole: &Scenario, step: usize) -> Scenario {
    edited(whole, step, |step| step.redis_flush_before = false)
}

pub(super) fn with_headers(whole: &Scenario, step: usize, kept: &[usize]) -> Scenario {
    edited(whole, step, |step| {
        let all = std::mem::take(&mut step.request.headers.0);
        step.request.headers.0 = kept.iter().map(|&index| all[index].clone()).collect();
    })
}

/// The pairs of the query, as written.
pub(super) fn query(target: &str) -> Vec<&str> {
    target
        .split_once('?')
        .map(|(_, query)| query.split('&').collect())
        .unwrap_or_default()
}

pub(super) fn with_query(whole: &Scenario, step: usize, kept: &[usize]) -> Scenario {
    edited(whole, step, |step| {
        let target = &step.request.target;
        let pairs = query(target);
        let pairs: Vec<&str> = kept.iter().map(|&index| pairs[index]).collect();
        let path = target.split('?').next().unwrap_or_default();
        step.request.target = if pairs.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", pairs.join("&"))
        };
    })
}

pub(super) fn without_body(whole: &Scenario, step: usize) -> Scenario {
    edited(whole, step, |step| set_body(step, Bytes::new()))
}

/// Lists and objects of a JSON body at this depth, with their number of children.
pub(super) fn body_paths(body: &[u8], depth: usize) -> Vec<(BodyPath, usize)> {
    let Ok(body) = json::parse(body) else {
        return Vec::new();
    };
    let mut level: Vec<(BodyPath, &Value<'_>)> = vec![(Vec::new(), &body)];
    for _ in 0..depth {
        level = level
            .into_iter()
            .flat_map(|(path, value)| {
                children(value)
                    .into_iter()
                    .enumerate()
                    .map(move |(index, child)| {
                        let mut path = path.clone();
                        path.push(index);
                        (path, child)
                    })
            })
            .collect();
    }
    level
        .into_iter()
        .map(|(path, value)| (path, children(value).len()))
        .filter(|(_, children)| *children > 0)
        .collect()
}

fn children<'v, 'd>(value: &'v Value<'d>) -> Vec<&'v Value<'d>> {
    match value {
        Value::Array(elements) => elements.iter().collect(),
        Value::Object(members) => members.iter().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    }
}

/// With only these children of the list or object at `path`.
pub(super) fn with_body_children(
    whole: &Scenario,
    step: usize,
    path: &[usize],
    kept: &[usize],
) -> Scenario {
    edited(whole, step, |step| {
        let Ok(body) = json::parse(&step.request.body) else {
            return;
        };
        let mut body = body.into_owned();
        let mut at = Some(&mut body);
        for &index in path {
            at = at.and_then(|value| match value {
                Value::Array(elements) => elements.get_mut(index),
                Value::Object(members) => members.get_mut(index).map(|(_, value)| value),
                _ => None,
            });
        }
        match at {
            Some(Value::Array(elements)) => keep_only(elements, kept),
            Some(Value::Object(members)) => keep_only(members, kept),
            _ => {}
        }
        set_body(step, Bytes::from(body.to_text()));
    })
}

fn keep_only<T>(list: &mut Vec<T>, kept: &[usize]) {
    let mut index = 0;
    list.retain(|_| {
        index += 1;
        kept.contains(&(index - 1))
    });
}

/// Sets the body, and the length that the headers state.
fn set_body(step: &mut Step, body: Bytes) {
    for (name, value) in &mut step.request.headers.0 {
        if name.eq_ignore_ascii_case("content-length") {
            *value = body.len().to_string().into_bytes();
        }
    }
    step.request.body = body;
}
