//! Several reports side by side: shards of one run joined, two runs told apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    ReportError,
    builder::{name_clusters, request_name, total},
    model::{FoundDivergence, Report, RouteReport},
};
use crate::{
    accounting::Accounting,
    cluster::{Cluster, Clusters, Sighting},
    rules::Audit,
    verdict::{self, RouteTest},
};

/// What changed between two runs, by cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Only in the later run.
    pub new: Vec<Cluster>,
    /// Only in the earlier run.
    pub fixed: Vec<Cluster>,
    /// In both, as the later run has it.
    pub still_there: Vec<Cluster>,
}

impl Difference {
    /// Clusters are the same when they have a signature in common.
    pub fn between(earlier: &Report, later: &Report) -> Self {
        let known = |cluster: &&Cluster, report: &Report| {
            report
                .clusters
                .iter()
                .any(|other| cluster.shares_signature(other))
        };
        let (still_there, new) = later
            .clusters
            .iter()
            .partition::<Vec<&Cluster>, _>(|cluster| known(cluster, earlier));
        let owned = |clusters: Vec<&Cluster>| clusters.into_iter().cloned().collect();
        Difference {
            new: owned(new),
            fixed: earlier
                .clusters
                .iter()
                .filter(|cluster| !known(cluster, later))
                .cloned()
                .collect(),
            still_there: owned(still_there),
        }
    }
}

/// Joins the reports of shards. Counts add up, clusters are made again from all divergences, and
/// the verdicts are judged again on the sums.
///
/// # Errors
/// When there is nothing to join, when the runs had different sides, or when a shard comes twice.
pub fn merge(reports: Vec<Report>) -> Result<Report, ReportError> {
    let mut shards = BTreeSet::new();
    for shard in reports.iter().filter_map(|report| report.run.shard) {
        if !shards.insert(shard.index) {
            return Err(ReportError::ShardTwice(shard.index, shard.of));
        }
    }
    let mut reports = reports.into_iter();
    let mut merged = reports.next().ok_or(ReportError::NothingToMerge)?;
    let mut routes: BTreeMap<String, RouteReport> = BTreeMap::new();
    collect_routes(&mut routes, std::mem::take(&mut merged.routes));
    for report in reports {
        let sides =
            |report: &Report| format!("{} / {}", report.run.reference, report.run.candidate);
        if sides(&merged) != sides(&report) {
            return Err(ReportError::DifferentRuns(sides(&merged), sides(&report)));
        }
        collect_routes(&mut routes, report.routes);
        merged.run.duration_ms = merged.run.duration_ms.max(report.run.duration_ms);
        merged.divergences.extend(report.divergences);
        merged.uncompared.extend(report.uncompared);
        merged.exchanges.extend(report.exchanges);
        merged.divergences_omitted += report.divergences_omitted;
        for (mine, theirs) in merged.rules.iter_mut().zip(report.rules) {
            mine.tolerated += theirs.tolerated;
        }
        merged.audit = join_audits(&merged.audit, &report.audit);
    }
    merged.run.shard = None;
    // A shard alone cannot tell what is new from what is gone.
    merged.since_baseline = None;
    // What was exercised cannot be told from what shards did not exercise.
    merged.coverage = None;
    let tests: BTreeMap<String, RouteTest> = routes
        .iter()
        .map(|(name, route)| (name.clone(), route.judgement.counts))
        .collect();
    let judgements = verdict::judge(&merged.policy, &tests);
    merged.verdict = verdict::overall(&judgements);
    merged.routes = routes
        .into_values()
        .zip(judgements)
        .map(|(route, judgement)| RouteReport { judgement, ..route })
        .collect();
    merged.totals = total(merged.routes.iter().map(|route| &route.accounting));
    cluster_again(&mut merged);
    Ok(merged)
}

fn collect_routes(routes: &mut BTreeMap<String, RouteReport>, more: Vec<RouteReport>) {
    for route in more {
        match routes.get_mut(&route.route) {
            None => {
                routes.insert(route.route.clone(), route);
            }
            Some(known) => {
                let sum: Accounting = total([&known.accounting, &route.accounting].into_iter());
                known.accounting = sum;
                known.judgement.counts.merge(&route.judgement.counts);
                // Quantiles do not add up.
                known.latency = None;
            }
        }
    }
}

/// Clusters of all divergences, request by request.
fn cluster_again(report: &mut Report) {
    let mut requests: BTreeMap<(&str, u32), Vec<&FoundDivergence>> = BTreeMap::new();
    for found in &report.divergences {
        requests
            .entry((&found.scenario, found.step))
            .or_default()
            .push(found);
    }
    let mut clusters = Clusters::default();
    for ((scenario, step), diverged) in requests {
        let name = request_name(scenario, step);
        let Some(first) = diverged.first() else {
            continue;
        };
        let sighting = Sighting {
            request: &name,
            route: &first.route,
            at: &name,
        };
        clusters.observe_signed(
            sighting,
            diverged
                .iter()
                .map(|found| (found.signature(), &found.divergence)),
        );
    }
    report.clusters = clusters.ranked();
    name_clusters(&report.clusters, &mut report.divergences);
}

/// A rule is dead when no shard needed it.
fn join_audits(mine: &Audit, theirs: &Audit) -> Audit {
    let both = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|id| b.contains(id)).cloned().collect()
    };
    Audit {
        dead: both(&mine.dead, &theirs.dead),
        expired: both(&mine.expired, &theirs.expired),
    }
}
