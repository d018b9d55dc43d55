//! Small changes to a request that keep it a request.

use bytes::Bytes;
use parity::{
    exchange::Request,
    json::{self, Json, Value},
};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};

use super::values::Values;

/// Changes one thing about the request.
pub(super) fn mutate(request: &mut Request, values: &Values, random: &mut StdRng) {
    match random.random_range(0..10) {
        0..=2 => path(request, values, random),
        3..=4 => query(request, values, random),
        5 => headers(request, random),
        6 => method(request, random),
        _ if request.body.is_empty() => path(request, values, random),
        7 => bytes(request, random),
        _ => body(request, random),
    }
}

fn path(request: &mut Request, values: &Values, random: &mut StdRng) {
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.target.as_str(), None),
    };
    let mut segments: Vec<String> = path.split('/').skip(1).map(ToOwned::to_owned).collect();
    if segments.is_empty() {
        return;
    }
    let at = random.random_range(0..segments.len());
    match random.random_range(0..6) {
        0 => segments[at] = segments[at].to_ascii_uppercase().replace("0X", "0x"),
        1 => {
            segments[at].pop();
        }
        2 => segments.push(String::new()),
        _ => segments[at] = values.segment(random),
    }
    let path = format!("/{}", segments.join("/"));
    request.target = query.map_or(path.clone(), |query| format!("{path}?{query}"));
}

fn query(request: &mut Request, values: &Values, random: &mut StdRng) {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    if pairs.is_empty() {
        pairs.push(format!(
            "{}={}",
            values.segment(random),
            values.parameter(random)
        ));
    } else {
        let at = random.random_range(0..pairs.len());
        let name = pairs[at].split('=').next().unwrap_or_default().to_owned();
        match random.random_range(0..4) {
            0 => {
                pairs.remove(at);
            }
            1 => pairs.push(format!("{name}={}", values.parameter(random))),
            2 => pairs[at] = name,
            _ => pairs[at] = format!("{name}={}", values.parameter(random)),
        }
    }
    let query = if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    };
    request.target = format!("{path}{query}");
}

fn headers(request: &mut Request, random: &mut StdRng) {
    let fields = &mut request.headers.0;
    if fields.is_empty() {
        return;
    }
    let at = random.random_range(0..fields.len());
    match random.random_range(0..4) {
        0 => {
            fields.remove(at);
        }
        1 => {
            let twin = fields[at].clone();
            fields.push(twin);
        }
        2 => fields[at].1.truncate(1),
        _ => fields[at].0 = fields[at].0.to_ascii_uppercase(),
    }
}

fn method(request: &mut Request, random: &mut StdRng) {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    if let Some(method) = methods.choose(random) {
        request.method = (*method).to_owned();
    }
}

fn bytes(request: &mut Request, random: &mut StdRng) {
    let mut body = request.body.to_vec();
    match random.random_range(0..4) {
        0 => body.clear(),
        1 => body.truncate(random.random_range(0..body.len())),
        2 => body.extend_from_slice(b" x"),
        _ => body.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
    }
    set_body(request, Bytes::from(body));
}

/// Changes one node of a JSON body.
fn body(request: &mut Request, random: &mut StdRng) {
    let Ok(mut body) = json::parse(&request.body).map(Value::into_owned) else {
        return;
    };
    let mut node = &mut body;
    while random.random_bool(0.75) && children(node) > 0 {
        let at = random.random_range(0..children(node));
        node = match node {
            Value::Array(elements) => &mut elements[at],
            Value::Object(members) => &mut members[at].1,
            _ => break,
        };
    }
    change(node, random);
    set_body(request, Bytes::from(body.to_text()));
}

fn children(value: &Json) -> usize {
    match value {
        Value::Array(elements) => elements.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}

fn change(node: &mut Json, random: &mut StdRng) {
    let at = match children(node) {
        0 => 0,
        count => random.random_range(0..count),
    };
    match node {
        Value::Array(elements) if !elements.is_empty() && random.random_bool(0.6) => {
            let element = elements[at].clone();
            if random.random_bool(0.5) {
                elements.push(element);
            } else {
                elements.remove(at);
            }
        }
        Value::Object(members) if !members.is_empty() && random.random_bool(0.6) => {
            let member = members[at].clone();
            if random.random_bool(0.3) {
                members.push(member);
            } else {
                members.remove(at);
            }
        }
        node => {
            if let Ok(value) = json::parse(Values::json(random).as_bytes()) {
                *node = value.into_owned();
            }
        }
    }
}

fn set_body(request: &mut Request, body: Bytes) {
    for (name, value) in &mut request.headers.0 {
        if name.eq_ignore_ascii_case("content-length") {
            *value = body.len().to_string().into_bytes();
        }
    }
    request.body = body;
}
