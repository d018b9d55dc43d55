//! The report as Markdown, short enough for a comment on a pull request.

use std::fmt::Write as _;

use super::{
    difference::Difference,
    model::Report,
    terminal::{is_new, verdict_text},
};
use crate::cluster::Cluster;

/// Causes that are listed; the full report has the rest.
const MOST_CLUSTERS: usize = 15;

/// Writes the report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    let totals = &report.totals;
    line(
        &mut out,
        &format!("## Parity: {}\n", verdict_text(report.verdict)),
    );
    line(
        &mut out,
        &format!(
            "`{}` against `{}`: {} requests seen, {} match, {} tolerated, **{} diverged**, {} not compared.\n",
            escape(&report.run.candidate),
            escape(&report.run.reference),
            totals.seen,
            totals.matched,
            totals.tolerated,
            totals.diverged,
            totals.seen - totals.compared,
        ),
    );
    line(
        &mut out,
        "| route | compared | match | tolerated | diverged | verdict |",
    );
    line(&mut out, "|---|--:|--:|--:|--:|---|");
    for route in &report.routes {
        let a = &route.accounting;
        line(
            &mut out,
            &format!(
                "| {} | {} | {} | {} | {} | {} |",
                escape(&route.route),
                a.compared,
                a.matched,
                a.tolerated,
                a.diverged,
                verdict_text(route.judgement.verdict),
            ),
        );
    }
    if !report.clusters.is_empty() {
        line(&mut out, "\n### Causes\n");
        clusters(&mut out, &report.clusters, |cluster| {
            is_new(report, cluster)
        });
    }
    if let Some(since) = &report.since_baseline {
        line(&mut out, &format!("\n{}", since.describe()));
    }
    for (ids, what) in [
        (&report.audit.expired, "Rules past their expiry"),
        (&report.audit.dead, "Rules that were not needed"),
    ] {
        if !ids.is_empty() {
            line(&mut out, &format!("\n{what}: {}", ids.join(", ")));
        }
    }
    out
}

/// Writes what changed between two runs as Markdown.
pub fn markdown_difference(difference: &Difference) -> String {
    let mut out = String::new();
    for (title, list) in [
        ("New", &difference.new),
        ("Fixed", &difference.fixed),
        ("Still there", &difference.still_there),
    ] {
        line(&mut out, &format!("### {title}: {}\n", list.len()));
        clusters(&mut out, list, |_| false);
        out.push('\n');
    }
    out
}

fn clusters(out: &mut String, clusters: &[Cluster], is_new: impl Fn(&Cluster) -> bool) {
    for cluster in clusters.iter().take(MOST_CLUSTERS) {
        line(
            out,
            &format!(
                "- {}**{}** {} · {} requests · first in `{}`",
                if is_new(cluster) { "new: " } else { "" },
                escape(&cluster.route),
                escape(&cluster.title()),
                cluster.requests,
                cluster.first_seen.replace('`', "'"),
            ),
        );
        for (side, value) in [
            ("reference", &cluster.sample.reference),
            ("candidate", &cluster.sample.candidate),
        ] {
            let value = value.as_deref().unwrap_or("(absent)");
            line(out, &format!("  - {side} `{}`", shortened(value)));
        }
    }
    if clusters.len() > MOST_CLUSTERS {
        line(
            out,
            &format!("- … and {} more", clusters.len() - MOST_CLUSTERS),
        );
    }
}

/// On one line, without what would end a code span.
fn shortened(value: &str) -> String {
    const MOST: usize = 120;
    let mut short: String = value
        .chars()
        .take(MOST)
        .map(|c| match c {
            '`' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    if value.chars().count() > MOST {
        short.push('…');
    }
    short
}

/// Text in which Markdown and HTML see nothing of their own.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '*' | '_' | '[' | ']' | '|' | '`' | '\\' | '#' => {
                escaped.push('\\');
                escaped.push(character);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}
