//! Bodies of two responses.

use super::{Findings, Scope, excerpt, walk::Walk};
use crate::{
    bind::Bindings,
    exchange::Response,
    json,
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
    let ((reference, our_layout), (candidate, their_layout)) = match (
        json::parse_with_layout(ours),
        json::parse_with_layout(theirs),
    ) {
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
    if same_values && our_layout != their_layout {
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
