//! The figures the new backend has to reach, and whether it does.

use serde::Serialize;

use super::BackendSummary;

/// One figure of the comparison report (§7).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Target {
    pub metric: &'static str,
    pub unit: &'static str,
    /// What the report states for the Python service.
    pub python: &'static str,
    /// The candidate must stay below this.
    pub below: f64,
    #[serde(skip)]
    of: fn(&BackendSummary) -> Option<[f64; 2]>,
}

/// A target and what was measured against it.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    #[serde(flatten)]
    pub target: Target,
    /// Absent when it was not measured.
    pub measured: Option<f64>,
    /// The upper end of the confidence interval where there is one, else the value: what is
    /// compared with the target.
    pub judged_by: Option<f64>,
    pub holds: Option<bool>,
}

/// The table of the comparison report, §7.
pub const TARGETS: [Target; 5] = [
    Target {
        metric: "cold start",
        unit: "ms",
        python: "2-5 s",
        below: 100.0,
        of: |backend| backend.cold_start_ms.map(|ms| [ms, ms]),
    },
    Target {
        metric: "p50 latency",
        unit: "ms",
        python: "100-200 ms",
        below: 100.0,
        of: |backend| {
            Some([
                backend.p50.ms,
                backend.p50.high_ms.unwrap_or(backend.max_ms),
            ])
        },
    },
    Target {
        metric: "p95 latency",
        unit: "ms",
        python: "500-1000 ms",
        below: 200.0,
        of: |backend| {
            Some([
                backend.p95.ms,
                backend.p95.high_ms.unwrap_or(backend.max_ms),
            ])
        },
    },
    Target {
        metric: "p99 latency",
        unit: "ms",
        python: "1500-2000 ms",
        below: 500.0,
        of: |backend| {
            Some([
                backend.p99.ms,
                backend.p99.high_ms.unwrap_or(backend.max_ms),
            ])
        },
    },
    Target {
        metric: "peak memory",
        unit: "MB",
        python: "512 MB and more",
        below: 256.0,
        of: |backend| {
            backend
                .peak_memory_mb
                .map(|megabytes| [megabytes, megabytes])
        },
    },
];

/// Holds a backend against every target.
pub fn judge(backend: &BackendSummary) -> Vec<Judged> {
    TARGETS
        .iter()
        .map(|target| {
            let measured = (target.of)(backend).filter(|_| backend.requests > 0);
            Judged {
                target: *target,
                measured: measured.map(|[value, _]| value),
                judged_by: measured.map(|[_, upper]| upper),
                holds: measured.map(|[_, upper]| upper < target.below),
            }
        })
        .collect()
}
