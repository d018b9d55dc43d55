//! What the demo has to say at its end.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, time::Duration};

use parity::{
    accounting::Accounting,
    cluster::Cluster,
    verdict::{self, RouteVerdict, Verdict},
};

use super::{seeded::SEEDED, traffic::Seen};
use crate::exit::Exit;

/// The proxy's books at one moment.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) stats: Accounting,
    pub(super) verdicts: Vec<RouteVerdict>,
    pub(super) clusters: Vec<Cluster>,
}

impl Books {
    pub(super) fn of(proxy: &shadow_proxy::Handle) -> Self {
        Self {
            stats: proxy.stats(),
            verdicts: proxy.findings().verdicts(&[]),
            clusters: proxy.findings().clusters(),
        }
    }

    /// One verdict over all routes, and what it rests on.
    pub(super) fn verdict(&self) -> String {
        let failed: Vec<&str> = self
            .verdicts
            .iter()
            .filter(|route| matches!(route.verdict, Verdict::Fail { .. }))
            .map(|route| route.route.as_str())
            .collect();
        let verdict = match verdict::overall(&self.verdicts) {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Fail { .. } => format!("fail on {}", failed.join(", ")),
            Verdict::Insufficient { .. } => {
                "insufficient, too few requests to pass or fail a route".to_owned()
            }
        };
        let (compared, diverged) = (self.stats.compared, self.stats.diverged);
        format!("{compared} compared, {diverged} diverged; verdict: {verdict}")
    }
}

/// Everything the demo saw.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) seen: Seen,
    pub(super) left_out: BTreeMap<&'static str, usize>,
    /// Half-way, before faults were switched on.
    pub(super) before: Books,
    pub(super) after: Books,
    /// Whether faults were switched on half-way.
    pub(super) seeded: bool,
    pub(super) report: PathBuf,
    pub(super) took: Duration,
}

impl Summary {
    /// Seeded faults that no request showed.
    fn idle(&self) -> Vec<&'static str> {
        let faults = SEEDED.iter().map(|(name, _)| *name);
        faults
            .filter(|name| self.seeded && !self.seen.struck.contains_key(name))
            .collect()
    }

    pub(super) fn exit(&self) -> Exit {
        let wrong = !self.seen.altered.is_empty()
            || !self.seen.missed.is_empty()
            || !self.seen.unexpected.is_empty()
            || !self.seen.disputed.is_empty()
            || self.after.clusters.len() != self.seen.struck.len()
            || !self.after.stats.is_balanced();
        if wrong {
            Exit::Diverged
        } else if self.idle().is_empty() {
            Exit::Parity
        } else {
            Exit::Insufficient
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "sent": self.seen.sent,
            "altered": self.seen.altered,
            "not_sendable": self.seen.broken,
            "left_out": self.left_out,
            "half_way": self.before.stats,
            "proxy": self.after.stats,
            "clusters": self.after.clusters,
            "verdicts": self.after.verdicts,
            "seeded_faults": self.seen.struck,
            "faults_without_a_request": self.idle(),
            "missed": self.seen.missed,
            "unexpected": self.seen.unexpected,
            "disputed": self.seen.disputed,
            "report": self.report,
        })
    }

    pub(super) fn text(&self) -> String {
        let stats = &self.after.stats;
        let mut text = format!(
            "\n{} requests answered through the proxy in {:.1} s, {} of them altered by it\n\
             behind the clients' backs: {} compared: {} match, {} tolerated by a reviewed rule, {} diverged\n\
             not compared: {} not comparable, {} declined, {} sampled out, {} dropped, {} timed out, {} errored\n\
             accounts: {} seen = every one of the above, none missing: {}\n",
            self.seen.sent,
            self.took.as_secs_f64(),
            self.seen.altered.len(),
            stats.compared,
            stats.matched,
            stats.tolerated,
            stats.diverged,
            stats.not_comparable,
            stats.declined,
            stats.sampled_out,
            stats.dropped,
            stats.timed_out,
            stats.errored,
            stats.seen,
            if stats.is_balanced() { "yes" } else { "NO" },
        );
        self.write_halves(&mut text);
        self.write_lists(&mut text);
        let _ = writeln!(text, "\nreport       {}", self.report.display());
        text
    }

    fn write_halves(&self, text: &mut String) {
        let _ = writeln!(text, "\nhalf-way     {}", self.before.verdict());
        let _ = writeln!(text, "at the end   {}", self.after.verdict());
        for cluster in &self.after.clusters {
            let (route, title) = (&cluster.route, cluster.title());
            let requests = match cluster.requests {
                1 => "1 request".to_owned(),
                many => format!("{many} requests"),
            };
            let _ = writeln!(text, "  {route}, {requests}: {title}");
        }
        if self.seeded {
            let _ = writeln!(
                text,
                "\nfaults switched on half-way, and answers they spoilt:"
            );
        }
        for (name, route) in SEEDED.iter().filter(|_| self.seeded) {
            let struck = self.seen.struck.get(name).copied().unwrap_or(0);
            let _ = writeln!(text, "  {route}: {name}: {struck}");
        }
        if self.seeded && self.exit() == Exit::Parity {
            let _ = writeln!(text, "every spoilt answer was found, and nothing else");
        }
        if !self.idle().is_empty() {
            text.push_str("too few requests to show every fault: send more\n");
        }
    }

    fn write_lists(&self, text: &mut String) {
        let _ = writeln!(text, "\nrecorded steps that were not sent:");
        for (reason, steps) in &self.left_out {
            let _ = writeln!(text, "  {steps} {reason}");
        }
        for (what, which) in [
            ("cannot be sent", &self.seen.broken),
            ("altered by the proxy", &self.seen.altered),
            ("spoilt, but not found different", &self.seen.missed),
            ("different without a fault", &self.seen.unexpected),
            ("judged otherwise in the report", &self.seen.disputed),
        ] {
            for scenario in which {
                let _ = writeln!(text, "  {what}: {scenario}");
            }
        }
    }
}
