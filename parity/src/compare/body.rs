//! Bodies of two responses.

use super::{Findings, Scope, excerpt, walk::Walk};
use crate::{
    bind::Bindings,
    exchange::Response,
    json::{self, Layout},
    outcome::{Divergence, Kind, Place},
};

pub(super) fn compare(
    scope: &Scope<'_>,
    bindings: &mut Bindings,
    findings: &mut Findings,
    reference: &Response,
    candidate: &Response,
) {
    let (ours, theirs) = (&reference.body[..], &candidate.body[..]);
    // Equal bytes still teach which numbers are bound, where the body mentions any.
    if ours == theirs && !scope.context.rules.identities().reach("$") {
        return;
    }
    if !is_json(reference) {
        if ours != theirs {
            findings
                .diverged
                .push(divergence(Kind::Value, lossy(ours), lossy(theirs)));
        }
        return;
    }
    let (reference, candidate) = match (json::parse(ours), json::parse(theirs)) {
        (Ok(reference), Ok(candidate)) => (reference, candidate),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => {
            findings
                .diverged
                .push(divergence(Kind::Type, lossy(ours), lossy(theirs)));
            return;
        }
        (Err(_), Err(_)) => {
            if ours != theirs {
                findings
                    .diverged
                    .push(divergence(Kind::Value, lossy(ours), lossy(theirs)));
            }
            return;
        }
    };
    let before = findings.diverged.len();
    let mut walk = Walk::new(scope, bindings, findings, Place::Body, "$");
    walk.compare(&mut Vec::new(), &reference, &candidate);
    let same_values = findings.diverged.len() == before;
    if same_values && ours != theirs && Layout::of(ours) != Layout::of(theirs) {
        let (reference, candidate) = excerpt::around_first_difference(ours, theirs);
        findings
            .diverged
            .push(divergence(Kind::Bytes, reference, candidate));
    }
}

fn is_json(response: &Response) -> bool {
    response.headers.get("content-type").is_some_and(|value| {
        let essence = value.split(|&byte| byte == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii().to_ascii_lowercase();
        essence == b"application/json" || essence.ends_with(b"+json")
    })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn divergence(kind: Kind, reference: String, candidate: String) -> Divergence {
    Divergence {
        place: Place::Body,
        path: "$".to_owned(),
        kind,
        reference: Some(reference),
        candidate: Some(candidate),
        rule: None,
    }
}
