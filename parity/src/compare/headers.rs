//! Header fields of two responses.

use std::collections::BTreeSet;

use super::{Findings, Scope};
use crate::{
    clocks::{CLOCK_RULE, Clocks, Origin},
    exchange::{Response, latin1},
    outcome::{Divergence, Kind, Place},
    path::Segment,
    rules::{Equivalence, Rule},
};

pub(super) fn compare(
    scope: &Scope<'_>,
    clocks: &Clocks,
    findings: &mut Findings,
    reference: &Response,
    candidate: &Response,
) {
    let profile = scope.context.rules.headers();
    let compared = |response: &Response| -> Vec<(String, String)> {
        response
            .headers
            .0
            .iter()
            .map(|(name, _)| (name.to_ascii_lowercase(), name.clone()))
            .filter(|(lower, _)| !profile.not_compared.contains(lower))
            .collect()
    };
    let (ours, theirs) = (compared(reference), compared(candidate));
    let names: BTreeSet<&str> = ours
        .iter()
        .chain(&theirs)
        .map(|(lower, _)| lower.as_str())
        .collect();
    for name in names {
        compare_field(scope, clocks, findings, name, reference, candidate);
    }
    let lower = |names: &[(String, String)]| -> Vec<String> {
        names.iter().map(|(lower, _)| lower.clone()).collect()
    };
    let (ours_lower, theirs_lower) = (lower(&ours), lower(&theirs));
    let same_names = {
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        sorted(ours_lower.clone()) == sorted(theirs_lower.clone())
    };
    if profile.ordered && same_names && ours_lower != theirs_lower {
        findings.diverged.push(divergence(
            "",
            Kind::Order,
            Some(ours_lower.join(", ")),
            Some(theirs_lower.join(", ")),
        ));
    }
    if profile.name_case {
        for (lower, written) in &ours {
            if let Some((_, other)) = theirs.iter().find(|(name, _)| name == lower)
                && other != written
            {
                findings.diverged.push(divergence(
                    lower,
                    Kind::Form,
                    Some(written.clone()),
                    Some(other.clone()),
                ));
            }
        }
    }
}

/// Values of one name, in received order.
fn compare_field(
    scope: &Scope<'_>,
    clocks: &Clocks,
    findings: &mut Findings,
    name: &str,
    reference: &Response,
    candidate: &Response,
) {
    let mut ours = reference.headers.all(name);
    let mut theirs = candidate.headers.all(name);
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return,
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b))
                if name == "content-length" && both_follow_body(a, b, reference, candidate) => {}
            (Some(a), Some(b)) => {
                differs(scope, clocks, findings, name, &latin1(a), &latin1(b));
            }
            (a, b) => findings.diverged.push(divergence(
                name,
                if a.is_some() {
                    Kind::Missing
                } else {
                    Kind::Extra
                },
                a.map(|value| shown(name, &latin1(value))),
                b.map(|value| shown(name, &latin1(value))),
            )),
        }
    }
}

/// Different lengths of different bodies: the bodies are compared on their own.
fn both_follow_body(
    ours: &[u8],
    theirs: &[u8],
    reference: &Response,
    candidate: &Response,
) -> bool {
    let follows =
        |value: &[u8], response: &Response| latin1(value) == response.body.len().to_string();
    follows(ours, reference) && follows(theirs, candidate)
}

fn differs(
    scope: &Scope<'_>,
    clocks: &Clocks,
    findings: &mut Findings,
    name: &str,
    ours: &str,
    theirs: &str,
) {
    let path = [Segment::Key(name)];
    let mut found = divergence(
        name,
        Kind::Value,
        Some(shown(name, ours)),
        Some(shown(name, theirs)),
    );
    if clocks.explain(ours, theirs, Origin::Service) {
        found.rule = Some(CLOCK_RULE.to_owned());
        findings.tolerated.push(found);
        return;
    }
    let covering = scope
        .rules
        .iter()
        .filter(|rule| rule.covers("header", &path));
    for rule in covering {
        let Some(allowed) = allows(rule, clocks, ours, theirs) else {
            continue;
        };
        found.rule = Some(rule.id().to_owned());
        if allowed {
            if items(ours) != items(theirs) && sorted(items(ours)) == sorted(items(theirs)) {
                found.kind = Kind::Order;
            }
            findings.tolerated.push(found);
        } else {
            found.kind = Kind::RuleViolated;
            findings.diverged.push(found);
        }
        return;
    }
    findings.diverged.push(found);
}

/// Whether a rule lets the values differ like this; `None` when it does not speak about them.
fn allows(rule: &Rule, clocks: &Clocks, ours: &str, theirs: &str) -> Option<bool> {
    match rule.equivalence() {
        Equivalence::HeaderSet => Some(sorted(items(ours)) == sorted(items(theirs))),
        Equivalence::Cookie {
            name,
            format,
            length,
        } => {
            let ours = ours.strip_prefix(name.as_str())?.strip_prefix('=')?;
            let value = |text: &str| text.split(';').next().unwrap_or_default().to_owned();
            Some(
                theirs
                    .strip_prefix(name.as_str())
                    .and_then(|rest| rest.strip_prefix('='))
                    .is_some_and(|theirs| {
                        let values = [value(ours), value(theirs)];
                        same_attributes(
                            clocks,
                            &ours[values[0].len()..],
                            &theirs[values[1].len()..],
                        ) && values
                            .iter()
                            .all(|value| format.holds(value) && value.len() == *length)
                    }),
            )
        }
        other => other.allows(ours, theirs),
    }
}

/// Attributes of a cookie: equal, or else it expires on both sides as long after the own clock as
/// `Max-Age` says.
fn same_attributes(clocks: &Clocks, ours: &str, theirs: &str) -> bool {
    let attribute = |text: &'_ str| -> (String, String) {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.trim().to_ascii_lowercase(), value.to_owned())
    };
    let max_age = ours
        .split(';')
        .map(attribute)
        .find(|(name, _)| name == "max-age")
        .and_then(|(_, value)| value.parse::<i64>().ok());
    let same = |(ours, theirs): (&str, &str)| {
        ours == theirs
            || match (attribute(ours), attribute(theirs), max_age) {
                ((a, ours), (b, theirs), Some(ahead)) if a == "expires" && a == b => {
                    clocks.explain_expiry(&ours, &theirs, ahead)
                }
                _ => false,
            }
    };
    ours.split(';').count() == theirs.split(';').count()
        && ours.split(';').zip(theirs.split(';')).all(same)
}

fn items(value: &str) -> Vec<&str> {
    value.split(',').map(str::trim).collect()
}

fn sorted(mut items: Vec<&str>) -> Vec<&str> {
    items.sort_unstable();
    items
}

/// The value as a report may show it: the content of a cookie is a secret.
fn shown(name: &str, value: &str) -> String {
    if name != "set-cookie" {
        return value.to_owned();
    }
    let (cookie, attributes) = value.find(';').map_or((value, ""), |at| value.split_at(at));
    let (name, content) = cookie.split_once('=').unwrap_or((cookie, ""));
    format!(
        "{name}=<{} characters>{attributes}",
        content.chars().count()
    )
}

fn divergence(
    name: &str,
    kind: Kind,
    reference: Option<String>,
    candidate: Option<String>,
) -> Divergence {
    Divergence {
        place: Place::Header,
        path: name.to_owned(),
        kind,
        reference,
        candidate,
        rule: None,
    }
}
