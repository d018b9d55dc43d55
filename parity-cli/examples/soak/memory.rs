//! Whether a process keeps growing.

use std::time::Duration;

use serde_json::{Value, json};

/// How much more a process may hold in the last quarter of a run than in the second. The first
/// quarter warms it up: pools, caches and the memory allocator fill.
const TOLERANCE_MIB: f64 = 4.0;

/// Resident memory over time.
#[derive(Debug, Default)]
pub(crate) struct Memory(Vec<(Duration, f64)>);

impl Memory {
    /// Takes a sample; one of a process that is gone is left out.
    pub(crate) fn look(&mut self, at: Duration, process: u32) {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
        self.0.extend(kib.map(|kib| (at, kib / 1024.0)));
    }

    /// Median of the samples between two shares of the run, in MiB.
    fn median(&self, from: f64, to: f64) -> f64 {
        let at = |share: f64| (self.0.len() as f64 * share) as usize;
        let mut part: Vec<f64> = self.0[at(from)..at(to)]
            .iter()
            .map(|(_, mib)| *mib)
            .collect();
        part.sort_by(f64::total_cmp);
        part.get(part.len() / 2).copied().unwrap_or_default()
    }

    /// Slope of the line of least squares through the last three quarters, in MiB per hour.
    fn slope(&self) -> f64 {
        let part = &self.0[self.0.len() / 4..];
        let count = part.len().max(1) as f64;
        let hours = |at: &Duration| at.as_secs_f64() / 3600.0;
        let mean_x = part.iter().map(|(at, _)| hours(at)).sum::<f64>() / count;
        let mean_y = part.iter().map(|(_, mib)| mib).sum::<f64>() / count;
        let products = part
            .iter()
            .map(|(at, mib)| (hours(at) - mean_x) * (mib - mean_y));
        let squares: f64 = part
            .iter()
            .map(|(at, _)| (hours(at) - mean_x).powi(2))
            .sum();
        if squares > 0.0 {
            products.sum::<f64>() / squares
        } else {
            0.0
        }
    }

    /// What is wrong with it.
    pub(crate) fn growth(&self) -> Option<String> {
        let (early, late) = (self.median(0.25, 0.5), self.median(0.75, 1.0));
        (late - early > TOLERANCE_MIB).then(|| {
            format!(
                "memory grew from {early:.1} to {late:.1} MiB, {TOLERANCE_MIB} MiB are tolerated"
            )
        })
    }

    pub(crate) fn summary(&self) -> Value {
        let most = self.0.iter().map(|(_, mib)| *mib).fold(0.0, f64::max);
        let round = |mib: f64| (mib * 10.0).round() / 10.0;
        json!({
            "samples": self.0.len(),
            "second_quarter_mib": round(self.median(0.25, 0.5)),
            "last_quarter_mib": round(self.median(0.75, 1.0)),
            "most_mib": round(most),
            "slope_mib_per_hour": round(self.slope()),
            "tolerated_growth_mib": TOLERANCE_MIB,
        })
    }
}
