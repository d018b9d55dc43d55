//! The report for somebody at a terminal: the verdict, one line per route, the first causes with
//! an example each.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Deserialize as _;

use super::model::{FoundDivergence, Report, RouteReport};
use crate::{
    cluster::Cluster,
    coverage::Coverage,
    outcome::Place,
    verdict::{FailReason, Verdict},
};

/// How to write for a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// Clusters shown with an example.
    pub clusters: usize,
    /// Width in characters.
    pub width: u16,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            color: false,
            clusters: 10,
            width: 100,
        }
    }
}

/// Writes the report as text.
pub fn terminal(report: &Report, style: Style) -> String {
    let paint = Paint { color: style.color };
    let mut out = String::new();
    route_table(&mut out, report, style);
    out.push('\n');
    for cluster in report.clusters.iter().take(style.clusters) {
        show_cluster(&mut out, report, cluster, paint, style);
    }
    if let Some(more) = report.clusters.len().checked_sub(style.clusters)
        && more > 0
    {
        line(
            &mut out,
            &format!("… and {more} more clusters in report.json\n"),
        );
    }
    for uncompared in report.uncompared.iter().take(5) {
        line(
            &mut out,
            &format!(
                "{} {}#{}: {}",
                uncompared.outcome, uncompared.scenario, uncompared.step, uncompared.reason
            ),
        );
    }
    for (ids, what) in [
        (&report.audit.expired, "past its expiry"),
        (&report.audit.dead, "not needed in this run"),
    ] {
        for id in ids {
            line(&mut out, &format!("rule {id}: {what}"));
        }
    }
    summary(&mut out, report, paint);
    out
}

fn route_table(out: &mut String, report: &Report, style: Style) {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_width(style.width);
    table.set_header([
        "route",
        "seen",
        "match",
        "tolerated",
        "diverged",
        "not compared",
        "verdict",
    ]);
    let (seen, unseen): (Vec<_>, Vec<_>) = report
        .routes
        .iter()
        .partition(|route| route.accounting.seen > 0);
    for route in seen {
        let a = &route.accounting;
        table.add_row([
            route.route.clone(),
            a.seen.to_string(),
            a.matched.to_string(),
            a.tolerated.to_string(),
            a.diverged.to_string(),
            (a.seen - a.compared).to_string(),
            verdict_text(route.judgement.verdict),
        ]);
    }
    for column in table.column_iter_mut().skip(1).take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    line(out, &table.trim_fmt());
    if !unseen.is_empty() {
        let names: Vec<&str> = unseen.iter().map(|route| route.route.as_str()).collect();
        line(out, &format!("never seen: {}", names.join(", ")));
    }
    let coverage = report
        .coverage
        .as_ref()
        .and_then(|coverage| Coverage::deserialize(coverage).ok());
    if let Some(coverage) = coverage {
        never_answered(out, &coverage);
    }
}

/// Requested routes on which no success, or no refusal, was compared.
fn never_answered(out: &mut String, coverage: &Coverage) {
    for class in ["2xx", "4xx"] {
        let names: Vec<&str> = coverage
            .routes
            .iter()
            .filter(|(_, seen)| seen.requests > 0 && !seen.status_classes.contains_key(class))
            .map(|(name, _)| name.as_str())
            .collect();
        if !names.is_empty() {
            line(out, &format!("never a {class}: {}", names.join(", ")));
        }
    }
}

fn show_cluster(out: &mut String, report: &Report, cluster: &Cluster, paint: Paint, style: Style) {
    let requests = match cluster.requests {
        1 => "1 request".to_owned(),
        n => format!("{n} requests"),
    };
    line(
        out,
        &format!(
            "{} {} · {} · {requests}",
            paint.red(if is_new(report, cluster) {
                "new, diverged:"
            } else {
                "diverged:"
            }),
            paint.bold(&cluster.route),
            cluster.title(),
        ),
    );
    let example = report
        .divergences
        .iter()
        .find(|found| found.cluster == cluster.id);
    if let Some(found) = example {
        annotate(out, found, report, paint, usize::from(style.width));
    }
    out.push('\n');
}

/// Whether the cluster is new since the baseline that the run was held against.
pub(super) fn is_new(report: &Report, cluster: &Cluster) -> bool {
    let since = report.since_baseline.as_ref();
    since.is_some_and(|since| since.has_new(cluster))
}

/// One divergence as annotated source: where, reference, candidate, and the first character that
/// differs.
fn annotate(
    out: &mut String,
    found: &FoundDivergence,
    report: &Report,
    paint: Paint,
    width: usize,
) {
    let exchange = report
        .exchanges
        .iter()
        .find(|exchange| exchange.scenario == found.scenario && exchange.step == found.step);
    line(
        out,
        &paint.dim(&format!("  --> {} step {}", found.scenario, found.step)),
    );
    if let Some(exchange) = exchange {
        line(
            out,
            &format!(
                "   |  {} {}",
                exchange.request.method, exchange.request.target
            ),
        );
    }
    let place = match found.divergence.place {
        Place::Status => "status",
        Place::Header => "header",
        Place::Body => "body",
        Place::Effects => "rows",
    };
    line(
        out,
        &format!(
            "   |  {place} {}: {}",
            found.divergence.path,
            found.divergence.kind.describe()
        ),
    );
    let reference = found.divergence.reference.as_deref().unwrap_or("(absent)");
    let candidate = found.divergence.candidate.as_deref().unwrap_or("(absent)");
    let (reference, candidate, mark) = window(reference, candidate, width.saturating_sub(20));
    line(
        out,
        &format!("   |  reference  {}", paint.green(&reference)),
    );
    line(out, &format!("   |  candidate  {}", paint.red(&candidate)));
    line(out, &format!("   |             {}^", " ".repeat(mark)));
    if let Some(rule) = &found.divergence.rule {
        line(out, &format!("   |  rule {rule}"));
    }
}

/// Cuts both texts to a part with their first difference in it, and says in which column it is.
fn window(reference: &str, candidate: &str, width: usize) -> (String, String, usize) {
    let at = reference
        .chars()
        .zip(candidate.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let start = if at < width / 2 { 0 } else { at - width / 3 };
    let cut = |text: &str| -> String {
        let shown: String = text
            .chars()
            .skip(start)
            .take(width)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let before = if start > 0 { "…" } else { "" };
        let after = if text.chars().count() > start + width {
            "…"
        } else {
            ""
        };
        format!("{before}{shown}{after}")
    };
    let mark = at - start + usize::from(start > 0);
    (cut(reference), cut(candidate), mark)
}

fn summary(out: &mut String, report: &Report, paint: Paint) {
    let totals = &report.totals;
    line(
        out,
        &format!(
            "{} seen: {} match, {} tolerated, {} diverged in {} clusters, {} not compared",
            totals.seen,
            totals.matched,
            totals.tolerated,
            totals.diverged,
            report.clusters.len(),
            totals.seen - totals.compared,
        ),
    );
    if let Some(since) = &report.since_baseline {
        for cause in &since.gone {
            line(
                out,
                &format!("gone since the baseline: {} · {}", cause.route, cause.title),
            );
        }
        line(out, &since.describe());
    }
    let verdict = verdict_text(report.verdict);
    let verdict = match report.verdict {
        Verdict::Pass => paint.green(&verdict),
        Verdict::Fail { .. } => paint.red(&verdict),
        Verdict::Insufficient { .. } => paint.bold(&verdict),
    };
    line(out, &format!("verdict: {verdict}"));
}

/// A verdict in words.
pub(super) fn verdict_text(verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Fail {
            reason: FailReason::Diverged,
        } => "fail: diverged".to_owned(),
        Verdict::Fail {
            reason: FailReason::NotComparable,
        } => "fail: too much not comparable".to_owned(),
        Verdict::Insufficient { need_more } => format!("insufficient: {need_more} more needed"),
    }
}

impl RouteReport {
    /// Share of the compared pairs that matched or were tolerated; absent when none was compared.
    pub fn parity(&self) -> Option<f64> {
        let a = &self.accounting;
        (a.compared > 0).then(|| (a.matched + a.tolerated) as f64 / a.compared as f64)
    }
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}
