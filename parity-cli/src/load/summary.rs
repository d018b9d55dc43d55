//! What a load test found: `summary.json` and the time series.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use serde::Serialize;

use super::{Judged, Quantile, TurnResult};

/// Everything a load test found.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Form of this file; a later one with the same number only adds members.
    pub version: u32,
    /// `closed, 10 users` or `open, 200 requests/s from the intended start`.
    pub pace: String,
    pub turns: u32,
    pub warm_up_s: f64,
    pub backends: BTreeMap<String, BackendSummary>,
    /// The candidate against the figures of the comparison report.
    pub targets: Vec<Judged>,
}

/// One backend over all its turns, warm-up left out.
#[derive(Debug, Clone, Serialize)]
pub struct BackendSummary {
    pub address: String,
    /// Requests that were answered.
    pub requests: u64,
    pub errors: u64,
    /// Answers with another status or other members than recorded.
    pub wrong: u64,
    /// Requests that were due while too many were under way.
    pub not_sent: u64,
    pub throughput_per_s: f64,
    pub p50: Quantile,
    pub p95: Quantile,
    pub p99: Quantile,
    pub max_ms: f64,
    pub cold_start_ms: Option<f64>,
    pub peak_memory_mb: Option<f64>,
    /// Errors and wrong answers by description.
    pub faults: BTreeMap<String, u64>,
}

impl BackendSummary {
    pub fn new(
        address: &str,
        result: &TurnResult,
        cold_start: Option<Duration>,
        peak_memory: Option<u64>,
    ) -> Self {
        let seconds = result.measured.as_secs_f64();
        Self {
            address: address.to_owned(),
            requests: result.samples.count(),
            errors: result.errors,
            wrong: result.wrong,
            not_sent: result.not_sent,
            throughput_per_s: if seconds > 0.0 {
                result.samples.count() as f64 / seconds
            } else {
                0.0
            },
            p50: result.samples.quantile(0.5),
            p95: result.samples.quantile(0.95),
            p99: result.samples.quantile(0.99),
            max_ms: result.samples.max_ms(),
            cold_start_ms: cold_start.map(|time| time.as_secs_f64() * 1_000.0),
            peak_memory_mb: peak_memory.map(|bytes| bytes as f64 / 1_048_576.0),
            faults: result.faults.clone(),
        }
    }
}

/// Writes one line per backend and second.
///
/// # Errors
/// The file cannot be written.
pub fn write_time_series(path: &Path, results: &[(&str, &TurnResult)]) -> std::io::Result<()> {
    let mut text =
        String::from("backend,second,requests,errors,wrong,p50_ms,p95_ms,p99_ms,max_ms\n");
    for (name, result) in results {
        for (second, data) in &result.seconds {
            let quantile = |q| data.samples.quantile(q).ms;
            let _ = writeln!(
                text,
                "{name},{second},{},{},{},{},{},{},{}",
                data.samples.count(),
                data.errors,
                data.wrong,
                quantile(0.5),
                quantile(0.95),
                quantile(0.99),
                data.samples.max_ms(),
            );
        }
    }
    crate::whole_file::write(path, text)
}
