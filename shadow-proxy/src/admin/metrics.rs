//! Metrics in the Prometheus text format.
//!
//! The counts come from one snapshot of the accounts, so the identity holds in every scrape.

use std::sync::atomic::Ordering;

use http::{Response, StatusCode};
use parity::verdict::Verdict;
use prometheus::{Encoder, GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

use super::{problem, respond as answer};
use crate::{
    accounts::Accounts, candidate::breaker::BreakerState, config::operation::Rung,
    forward::body::Body, serve::Service,
};

pub(super) fn respond(service: &Service) -> Response<Body> {
    match render(service) {
        Ok(text) => answer(StatusCode::OK, "text/plain; version=0.0.4", text),
        Err(error) => {
            tracing::error!(%error, "metrics could not be rendered");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "metrics could not be rendered",
            )
        }
    }
}

fn render(service: &Service) -> Result<Vec<u8>, prometheus::Error> {
    let registry = Registry::new();
    for collector in service.live().findings.collectors() {
        registry.register(collector)?;
    }
    let page = Page(&registry);
    count_requests(service, &page)?;
    show_mirror(service, &page)?;
    show_stage(service, &page)?;
    show_verdicts(service, &page)?;
    let live = service.live();
    let journal = live.findings.journal().counts();
    page.counter(
        "shadow_proxy_journal_lines_total",
        "Divergences written",
        &[],
    )?
    .with_label_values::<&str>(&[])
    .inc_by(journal.written.load(Ordering::Relaxed));
    page.counter(
        "shadow_proxy_journal_dropped_total",
        "Divergences that could not be written",
        &[],
    )?
    .with_label_values::<&str>(&[])
    .inc_by(journal.dropped.load(Ordering::Relaxed));
    for (name, help, holds) in [
        (
            "shadow_proxy_journal_failing",
            "1 while divergences cannot be written",
            journal.failing.load(Ordering::Relaxed),
        ),
        (
            "shadow_proxy_reference_up",
            "1 while the reference answers, by the latest request it was sent for a user",
            live.findings.reference_answers(),
        ),
    ] {
        page.gauge(name, help, &[])?
            .with_label_values::<&str>(&[])
            .set(f64::from(u8::from(holds)));
    }
    show_sink(service, &page)?;
    show_recording(service, &page)?;
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}

/// Metrics made for one scrape.
struct Page<'a>(&'a Registry);

impl Page<'_> {
    fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn gauge(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<GaugeVec, prometheus::Error> {
        let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }
}

/// Accounts that obey the identity: name of the metric, name of its reasons, and what is counted.
fn count(
    page: &Page<'_>,
    accounts: &Accounts,
    [name, reasons, what]: [&str; 3],
) -> Result<(), prometheus::Error> {
    let help = format!(
        "{what} by route and what became of them; seen is the sum of the others down to compared"
    );
    let totals = page.counter(name, &help, &["route", "outcome"])?;
    let help = format!("{what} by route, what became of them, and why");
    let reasons = page.counter(reasons, &help, &["route", "outcome", "reason"])?;
    for (route, account) in accounts.by_route() {
        let counts = account.totals;
        for (outcome, count) in [
            ("seen", counts.seen),
            ("sampled_out", counts.sampled_out),
            ("declined", counts.declined),
            ("dropped", counts.dropped),
            ("timed_out", counts.timed_out),
            ("errored", counts.errored),
            ("not_comparable", counts.not_comparable),
            ("compared", counts.compared),
            ("match", counts.matched),
            ("tolerated", counts.tolerated),
            ("diverged", counts.diverged),
        ] {
            totals.with_label_values(&[&*route, outcome]).inc_by(count);
        }
        for ((outcome, reason), count) in account.reasons {
            reasons
                .with_label_values(&[&*route, outcome, reason])
                .inc_by(count);
        }
    }
    Ok(())
}

fn count_requests(service: &Service, page: &Page<'_>) -> Result<(), prometheus::Error> {
    let live = service.live();
    let findings = &live.findings;
    for (accounts, names) in [
        (
            &service.accounts,
            [
                "shadow_proxy_requests_total",
                "shadow_proxy_request_reasons_total",
                "Requests",
            ],
        ),
        (
            findings.rows(),
            [
                "shadow_proxy_rows_total",
                "shadow_proxy_row_reasons_total",
                "Requests whose rows were to be compared",
            ],
        ),
        (
            findings.noise(),
            [
                "shadow_proxy_noise_total",
                "shadow_proxy_noise_reasons_total",
                "Requests that the reference was to be asked twice",
            ],
        ),
    ] {
        count(page, accounts, names)?;
    }
    page.gauge(
        "shadow_proxy_requests_open",
        "Requests that arrived and whose fate is open",
        &[],
    )?
    .with_label_values::<&str>(&[])
    .set(service.accounts.open() as f64);
    Ok(())
}

fn show_mirror(service: &Service, page: &Page<'_>) -> Result<(), prometheus::Error> {
    let live = service.live();
    let Some(mirror) = &live.mirror else {
        return Ok(());
    };
    let breaker = match mirror.breaker().state() {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
    };
    for (name, help, value) in [
        (
            "shadow_proxy_queue_depth",
            "Exchanges the mirror holds",
            mirror.held() as f64,
        ),
        (
            "shadow_proxy_queue_capacity",
            "Most exchanges the mirror holds",
            mirror.capacity() as f64,
        ),
        (
            "shadow_proxy_breaker_state",
            "0 closed, 1 half-open, 2 open",
            breaker,
        ),
        (
            "shadow_proxy_admitted_share",
            "Share of sampled requests that the mirror takes: below 1 while hardly a processor is idle",
            mirror.budget().admitted(),
        ),
    ] {
        page.gauge(name, help, &[])?
            .with_label_values::<&str>(&[])
            .set(value);
    }
    Ok(())
}

fn show_recording(service: &Service, page: &Page<'_>) -> Result<(), prometheus::Error> {
    let Some(recorder) = &service.recorder else {
        return Ok(());
    };
    let recorded = page.counter(
        "shadow_proxy_recorded_total",
        "Exchanges by what became of them in the recording",
        &["outcome"],
    )?;
    let counts = recorder.counts();
    for (outcome, count) in [("written", &counts.written), ("dropped", &counts.dropped)] {
        recorded
            .with_label_values(&[outcome])
            .inc_by(count.load(Ordering::Relaxed));
    }
    Ok(())
}

fn show_sink(service: &Service, page: &Page<'_>) -> Result<(), prometheus::Error> {
    let Some(sink) = &service.sink else {
        return Ok(());
    };
    let counts = sink.counts();
    for (name, help, value) in [
        (
            "shadow_proxy_sink_divergences_total",
            "Divergences that the sink acknowledged",
            counts.written.load(Ordering::Relaxed),
        ),
        (
            "shadow_proxy_sink_dropped_total",
            "Divergences that did not reach the sink and never will",
            counts.dropped.load(Ordering::Relaxed),
        ),
    ] {
        page.counter(name, help, &[])?
            .with_label_values::<&str>(&[])
            .inc_by(value);
    }
    page.gauge(
        "shadow_proxy_sink_up",
        "1 when the sink acknowledged the last batch",
        &[],
    )?
    .with_label_values::<&str>(&[])
    .set(f64::from(u8::from(sink.is_up())));
    Ok(())
}

fn show_stage(service: &Service, page: &Page<'_>) -> Result<(), prometheus::Error> {
    let standing = service.stage.standing();
    let stages = page.gauge("shadow_proxy_stage", "1 for the stage in force", &["stage"])?;
    for (rung, name) in [
        (Rung::Off, "off"),
        (Rung::Shadow, "shadow"),
        (Rung::Canary, "canary"),
        (Rung::Cutover, "cutover"),
        (Rung::ReverseShadow, "reverse-shadow"),
    ] {
        let active = f64::from(u8::from(rung == standing.stage));
        stages.with_label_values(&[name]).set(active);
    }
    page.gauge(
        "shadow_proxy_canary_percent",
        "Share served by the candidate on the canary rung",
        &[],
    )?
    .with_label_values::<&str>(&[])
    .set(standing.canary_percent);
    let step_backs = page.counter(
        "shadow_proxy_step_back_total",
        "Times the stage fell back by itself",
        &["reason"],
    )?;
    for (reason, count) in service.stage.step_backs() {
        step_backs.with_label_values(&[reason]).inc_by(count);
    }
    Ok(())
}

fn show_verdicts(service: &Service, page: &Page<'_>) -> Result<(), prometheus::Error> {
    let gauge = page.gauge(
        "shadow_proxy_verdict",
        "1 pass, 0 insufficient, -1 fail",
        &["route"],
    )?;
    for route in service.fleet().verdicts(&service.live().judged()) {
        let value = match route.verdict {
            Verdict::Pass => 1.0,
            Verdict::Insufficient { .. } => 0.0,
            Verdict::Fail { .. } => -1.0,
        };
        gauge.with_label_values(&[route.route.as_str()]).set(value);
    }
    Ok(())
}
