//! Both sides of requests that diverged, next to each other.

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use super::place_name;
use crate::{
    exchange::{Headers, Response, latin1},
    json,
    outcome::Place,
    report::model::{DivergedExchange, Report, SideRecord},
};

/// Address of an exchange within the page.
pub(super) fn link(scenario: &str, step: u32) -> String {
    format!("#exchange-{}", name(scenario, step))
}

fn name(scenario: &str, step: u32) -> String {
    let plain: String = scenario
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("{plain}-{step}")
}

pub(super) fn exchanges(report: &Report) -> Markup {
    html! {
        @if !report.exchanges.is_empty() {
            section #exchanges {
                h2 { "Requests that diverged, side by side" }
                @for exchange in &report.exchanges { (exchange_block(report, exchange)) }
            }
        }
    }
}

fn exchange_block(report: &Report, exchange: &DivergedExchange) -> Markup {
    let mut places: Vec<&str> = report
        .divergences
        .iter()
        .filter(|found| found.scenario == exchange.scenario && found.step == exchange.step)
        .map(|found| place_name(found.divergence.place))
        .collect();
    places.dedup();
    html! {
        details .filtered .exchange
            id=(format!("exchange-{}", name(&exchange.scenario, exchange.step)))
            data-route=(exchange.route)
            data-place=(places.join(" "))
        {
            summary {
                b { (exchange.route) } " " (exchange.scenario) "#" (exchange.step) " "
                code { (exchange.request.method) " " (exchange.request.target) }
            }
            @if !exchange.request.body.is_empty() {
                h4 { "Request body" }
                pre { (pretty(&exchange.request.body)) }
            }
            (part("Status and headers", &envelope(&exchange.reference), &envelope(&exchange.candidate)))
            (part("Body", &pretty(&exchange.reference.response.body), &pretty(&exchange.candidate.response.body)))
            @if places.contains(&place_name(Place::Effects)) {
                (part("Rows", &rows(&exchange.reference), &rows(&exchange.candidate)))
            }
        }
    }
}

/// Two texts side by side, lines that differ marked.
fn part(title: &str, reference: &str, candidate: &str) -> Markup {
    if reference == candidate {
        return html! { p .same { (title) ": equal" } };
    }
    let diff = TextDiff::from_lines(reference, candidate);
    let lines = diff.ops().iter().flat_map(|op| {
        let (old, new): (Vec<_>, Vec<_>) = diff
            .iter_changes(op)
            .filter(|change| change.tag() != ChangeTag::Equal)
            .partition(|change| change.tag() == ChangeTag::Delete);
        let equal = diff
            .iter_changes(op)
            .filter(|change| change.tag() == ChangeTag::Equal)
            .map(|change| (Some(change.value()), Some(change.value()), false))
            .collect::<Vec<_>>();
        let changed = (0..old.len().max(new.len())).map(move |index| {
            (
                old.get(index).map(|change| change.value()),
                new.get(index).map(|change| change.value()),
                true,
            )
        });
        equal.into_iter().chain(changed).collect::<Vec<_>>()
    });
    html! {
        h4 { (title) }
        table .sides {
            thead { tr { th { "reference" } th { "candidate" } } }
            tbody {
                @for (old, new, changed) in lines {
                    tr .changed[changed] {
                        td .reference { (old.unwrap_or("").trim_end_matches('\n')) }
                        td .candidate { (new.unwrap_or("").trim_end_matches('\n')) }
                    }
                }
            }
        }
    }
}

fn envelope(side: &SideRecord) -> String {
    let Response {
        status, headers, ..
    } = &side.response;
    let Headers(fields) = headers;
    let mut fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}: {}\n", name.to_ascii_lowercase(), latin1(value)))
        .collect();
    fields.sort();
    format!("{status}\n{}", fields.concat())
}

fn rows(side: &SideRecord) -> String {
    side.effects.as_ref().map_or_else(
        || "not known\n".to_owned(),
        |effects| {
            let text =
                serde_json::to_string(effects).expect("rows have string keys and valid JSON");
            pretty(text.as_bytes())
        },
    )
}

/// JSON on many lines, so that a difference is on its own line; other text as it is.
fn pretty(bytes: &[u8]) -> String {
    match json::parse(bytes) {
        Ok(value) => value.to_pretty(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
