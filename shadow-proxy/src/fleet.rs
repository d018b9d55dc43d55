//! What all replicas found, as one.
//!
//! Counts add up in any grouping and at any time without changing what a verdict means
//! (`docs/evidence.md`, Replicas). This replica's own are always current; those of others are as
//! old as the sink's last reading, which does not depend on what they say.

use std::collections::BTreeMap;

use parity::{
    accounting::Accounting,
    cluster::{Cluster, Clusters},
    verdict::{RouteTest, RouteVerdict},
};

use crate::{
    accounts::Accounts,
    findings::Findings,
    sink::Sink,
    verdicts::{self, Judged},
};

/// Findings of this replica and, where there is a sink, of the others on the same question.
#[derive(Debug)]
pub struct Fleet {
    /// Replicas whose findings these are.
    pub replicas: usize,
    pub counts: BTreeMap<String, Accounting>,
    tests: BTreeMap<String, RouteTest>,
    clusters: Clusters,
}

impl Fleet {
    /// Adds up what is known now; asks nobody.
    pub fn of(findings: &Findings, accounts: &Accounts, sink: Option<&Sink>) -> Self {
        let own = findings.signatures(|_, _| true);
        let mut clusters = Clusters::default();
        for (signature, group) in own {
            clusters.add(signature, group);
        }
        let mut tests = findings.tests();
        let Some(sink) = sink else {
            let routes = accounts.by_route().into_iter();
            return Self {
                replicas: 1,
                counts: routes
                    .map(|(route, account)| (route.to_string(), account.totals))
                    .collect(),
                tests,
                clusters,
            };
        };
        let others = sink.others();
        let mut counts = sink.own_counts();
        for (route, more) in &others.counts {
            counts.entry(route.clone()).or_default().merge(more);
        }
        for (route, more) in &others.tests {
            tests.entry(route.clone()).or_default().merge(more);
        }
        for (signature, group) in &others.signatures {
            clusters.add(signature.clone(), group.clone());
        }
        let own_name = usize::from(!others.replicas.contains(sink.replica()));
        Self {
            replicas: others.replicas.len() + own_name,
            counts,
            tests,
            clusters,
        }
    }

    /// Verdict per route; routes that saw nothing yet are insufficient.
    pub fn verdicts(&self, judged: &[Judged]) -> Vec<RouteVerdict> {
        verdicts::judge(self.tests.clone(), judged)
    }

    /// Causes, those that affect most requests first.
    pub fn clusters(&self) -> Vec<Cluster> {
        self.clusters.ranked()
    }
}
