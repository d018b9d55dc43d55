//! The report as one HTML file that needs nothing else: no network, no fonts, no libraries.
//!
//! Everything that comes from a backend is escaped by the template; the script only hides and
//! shows what is there.

mod chart;
mod exchange;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    model::{FoundDivergence, Report, RouteReport},
    terminal::{is_new, verdict_text},
};
use crate::{cluster::Cluster, outcome::Place, verdict::Verdict};

const STYLE: &str = include_str!("html/report.css");
const SCRIPT: &str = include_str!("html/report.js");

/// Writes the report as one self-contained HTML page.
pub fn html_page(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Parity: " (verdict_text(report.verdict)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(report))
                (filters(report))
                main {
                    (routes(report))
                    (clusters(report))
                    (exchange::exchanges(report))
                    (chart::latencies(report))
                    (uncompared(report))
                    (rules(report))
                    (coverage(report))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    let totals = &report.totals;
    html! {
        header {
            h1 { "Parity " (badge(report.verdict)) }
            p {
                (report.run.command) " of " code { (report.run.source) } ": candidate "
                code { (report.run.candidate) } " against reference " code { (report.run.reference) }
                ", started " time { (report.run.started) } ", "
                (report.run.duration_ms / 1_000) " s"
            }
            dl .totals {
                @for (name, count) in [
                    ("seen", totals.seen),
                    ("match", totals.matched),
                    ("tolerated", totals.tolerated),
                    ("diverged", totals.diverged),
                    ("not compared", totals.seen - totals.compared),
                    ("clusters", report.clusters.len() as u64),
                ] {
                    div { dt { (name) } dd { (count) } }
                }
            }
        }
    }
}

fn filters(report: &Report) -> Markup {
    html! {
        form #filters role="search" {
            label { "Search " input #search type="search" placeholder="path, value, scenario …"; }
            label {
                "Route "
                select #route {
                    option value="" { "all" }
                    @for route in &report.routes {
                        option value=(route.route) { (route.route) }
                    }
                }
            }
            label {
                "Place "
                select #place {
                    option value="" { "all" }
                    @for place in ["status", "header", "body", "effects"] {
                        option value=(place) { (place) }
                    }
                }
            }
            output #shown {}
        }
    }
}

fn routes(report: &Report) -> Markup {
    html! {
        section #routes {
            h2 { "Routes" }
            table {
                thead {
                    tr {
                        th { "route" }
                        @for name in ["seen", "compared", "match", "tolerated", "diverged", "not compared", "parity"] {
                            th .number { (name) }
                        }
                        th { "verdict" }
                        th { "excess divergence" }
                    }
                }
                tbody {
                    @for route in &report.routes { (route_row(route)) }
                }
            }
        }
    }
}

fn route_row(route: &RouteReport) -> Markup {
    let a = &route.accounting;
    let excess = &route.judgement.excess;
    html! {
        tr data-route=(route.route) {
            th scope="row" { (route.route) }
            @for count in [a.seen, a.compared, a.matched, a.tolerated, a.diverged, a.seen - a.compared] {
                td .number { (count) }
            }
            td .number { @if let Some(parity) = route.parity() { (format!("{:.2} %", parity * 100.0)) } }
            td { (badge(route.judgement.verdict)) }
            td { (format!("{:.4} to {:.4}", excess.lower, excess.upper)) }
        }
    }
}

fn badge(verdict: Verdict) -> Markup {
    let class = match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail { .. } => "fail",
        Verdict::Insufficient { .. } => "insufficient",
    };
    html! { span .badge .(class) { (verdict_text(verdict)) } }
}

fn clusters(report: &Report) -> Markup {
    html! {
        section #clusters {
            h2 { "Causes, by requests affected" }
            @if report.clusters.is_empty() { p { "Nothing diverged." } }
            @if let Some(since) = &report.since_baseline { p { (since.describe()) "." } }
            @for cluster in &report.clusters { (cluster_block(report, cluster)) }
        }
    }
}

fn cluster_block(report: &Report, cluster: &Cluster) -> Markup {
    let found: Vec<&FoundDivergence> = report
        .divergences
        .iter()
        .filter(|found| found.cluster == cluster.id)
        .take(20)
        .collect();
    html! {
        details .filtered data-route=(cluster.route) data-place=(place_name(cluster.sample.place)) {
            summary {
                span .count { (cluster.requests) } " "
                @if is_new(report, cluster) { span .badge .fail { "new" } " " }
                b { (cluster.route) } " " (cluster.title())
            }
            p {
                "Cluster " code { (cluster.id) } ", " (cluster.divergences) " divergences, first in "
                code { (cluster.first_seen) } ", last in " code { (cluster.last_seen) } "."
            }
            ul {
                @for signature in &cluster.signatures { li { (signature.describe()) } }
            }
            table {
                thead { tr { th { "request" } th { "path" } th { "reference" } th { "candidate" } } }
                tbody {
                    @for found in found {
                        tr {
                            td { a href=(exchange::link(&found.scenario, found.step)) { (found.scenario) "#" (found.step) } }
                            td { code { (found.divergence.path) } }
                            td .reference { (value(found.divergence.reference.as_deref())) }
                            td .candidate { (value(found.divergence.candidate.as_deref())) }
                        }
                    }
                }
            }
        }
    }
}

fn value(value: Option<&str>) -> Markup {
    html! {
        @match value {
            Some(text) => code { (text) },
            None => i { "absent" },
        }
    }
}

pub(super) fn place_name(place: Place) -> &'static str {
    match place {
        Place::Status => "status",
        Place::Header => "header",
        Place::Body => "body",
        Place::Effects => "effects",
    }
}

fn uncompared(report: &Report) -> Markup {
    html! {
        @if !report.uncompared.is_empty() {
            section #uncompared {
                h2 { "Seen but not compared" }
                table {
                    thead { tr { th { "request" } th { "route" } th { "outcome" } th { "reason" } } }
                    tbody {
                        @for one in &report.uncompared {
                            tr .filtered data-route=(one.route) {
                                td { (one.scenario) "#" (one.step) }
                                td { (one.route) }
                                td { (one.outcome) }
                                td { (one.reason) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn rules(report: &Report) -> Markup {
    html! {
        section #rules {
            h2 { "Rules" }
            table {
                thead { tr { th { "rule" } th .number { "tolerated" } th { "reason" } th { "notes" } } }
                tbody {
                    @for rule in &report.rules {
                        tr {
                            th scope="row" { (rule.rule) }
                            td .number { (rule.tolerated) }
                            td { (rule.reason) }
                            td {
                                @if report.audit.expired.contains(&rule.rule) { span .badge .fail { "expired" } }
                                @if report.audit.dead.contains(&rule.rule) { span .badge .insufficient { "not needed" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn coverage(report: &Report) -> Markup {
    html! {
        @if let Some(coverage) = &report.coverage {
            section #coverage {
                h2 { "Coverage" }
                (tree(coverage))
            }
        }
    }
}

/// Any JSON value as nested lists.
fn tree(value: &serde_json::Value) -> Markup {
    html! {
        @match value {
            serde_json::Value::Object(members) => {
                dl .tree {
                    @for (key, member) in members { div { dt { (key) } dd { (tree(member)) } } }
                }
            },
            serde_json::Value::Array(elements) => {
                @if elements.is_empty() { i { "none" } }
                ul .tree { @for element in elements { li { (tree(element)) } } }
            },
            serde_json::Value::String(text) => { (text) },
            other => { (other) },
        }
    }
}
