//! Latencies as drawn quantiles: one chart per route, inline.

use maud::{Markup, html};

use crate::report::model::{Latency, Report, RouteReport};

const WIDTH: f64 = 360.0;
const BAR: f64 = 14.0;

pub(super) fn latencies(report: &Report) -> Markup {
    let measured: Vec<&RouteReport> = report
        .routes
        .iter()
        .filter(|route| route.latency.is_some())
        .collect();
    html! {
        @if !measured.is_empty() {
            section #latency {
                h2 { "Latency in milliseconds" }
                div .charts { @for route in measured { (chart(route)) } }
            }
        }
    }
}

fn chart(route: &RouteReport) -> Markup {
    let sides: Vec<(&str, &Latency)> = route
        .latency
        .iter()
        .flat_map(|pair| {
            [
                pair.reference
                    .as_ref()
                    .map(|latency| ("reference", latency)),
                pair.candidate
                    .as_ref()
                    .map(|latency| ("candidate", latency)),
            ]
        })
        .flatten()
        .collect();
    let most = sides
        .iter()
        .map(|(_, latency)| latency.p99_ms)
        .fold(f64::MIN_POSITIVE, f64::max);
    let bars: Vec<(&str, &str, f64)> = sides
        .iter()
        .flat_map(|&(side, latency)| {
            [
                (side, "p50", latency.p50_ms),
                (side, "p95", latency.p95_ms),
                (side, "p99", latency.p99_ms),
            ]
        })
        .collect();
    let height = bars.len() as f64 * (BAR + 4.0) + 4.0;
    html! {
        figure .filtered data-route=(route.route) {
            figcaption { (route.route) }
            svg role="img" viewBox=(format!("0 0 {} {height}", WIDTH + 220.0)) width="100%" {
                title { "Latency of " (route.route) }
                @for (index, (side, quantile, value)) in bars.iter().enumerate() {
                    @let y = index as f64 * (BAR + 4.0) + 2.0;
                    text x="0" y=(y + BAR - 3.0) { (side) " " (quantile) }
                    rect .(side) x="120" y=(y) height=(BAR) width=(format!("{:.1}", (value / most * WIDTH).max(1.0))) {}
                    text x=(format!("{:.1}", 126.0 + value / most * WIDTH)) y=(y + BAR - 3.0) { (format!("{value:.3}")) }
                }
            }
        }
    }
}
