//! Writes what this replica found, and reads what the others did.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use parity::{accounting::Accounting, verdict::RouteTest};
use tokio::time::timeout;

use super::{Sink, SinkError, Source, store::Report};

/// Divergences in one transaction.
const BATCH: usize = 200;

/// Longest time for what is left when the proxy stops.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What the database has of one run.
#[derive(Debug, Default)]
struct Written {
    routes: HashMap<String, (Accounting, RouteTest)>,
    /// Divergences by name of the signature.
    signatures: HashMap<String, u64>,
}

/// Writes and reads in every interval until the sink is closed.
pub(super) async fn run(sink: Arc<Sink>) {
    let mut written = HashMap::new();
    let mut migrated = false;
    let mut stopping = false;
    while !stopping {
        tokio::select! {
            () = sink.stop.cancelled() => stopping = true,
            () = tokio::time::sleep(sink.config.interval.0) => {}
        }
        let exchanged = exchange(&sink, &mut written, &mut migrated);
        let exchanged = if stopping {
            timeout(LAST_WORDS, exchanged).await.unwrap_or(Ok(()))
        } else {
            exchanged.await
        };
        let up = exchanged.is_ok();
        let was_up = sink.outbox.counts().up.swap(up, Ordering::Relaxed);
        match exchanged {
            Err(error) if was_up || written.is_empty() => {
                tracing::error!(%error, "the sink cannot be used: divergences wait in memory");
            }
            Ok(()) if !was_up => tracing::info!("the sink is used"),
            _ => {}
        }
    }
}

type Runs = HashMap<Arc<str>, Written>;

async fn exchange(sink: &Sink, written: &mut Runs, migrated: &mut bool) -> Result<(), SinkError> {
    if !*migrated {
        sink.store.check().await?;
        *migrated = true;
    }
    while write(sink, written).await? {}
    let current = sink.sources.lock().last().cloned();
    if let Some(Source { findings, .. }) = current {
        let others = sink
            .store
            .others(findings.question(), findings.run())
            .await?;
        // Another question may have begun meanwhile.
        let sources = sink.sources.lock();
        if sources
            .last()
            .is_some_and(|last| Arc::ptr_eq(&last.findings, &findings))
        {
            *sink.others.write() = Arc::new(others);
        }
    }
    Ok(())
}

/// One transaction; says whether more divergences wait.
async fn write(sink: &Sink, written: &mut Runs) -> Result<bool, SinkError> {
    let sources = sink.sources.lock().clone();
    let entries = sink.outbox.oldest(BATCH);
    let reports: Vec<Report> = sources
        .iter()
        .map(|source| report(sink, source, written.get(source.findings.run())))
        .collect();
    if let Err(error) = sink.store.write(&reports, &entries, sink.config.keep).await {
        if error.is_refusal() && !entries.is_empty() {
            // Sent again they would stop everything behind them.
            tracing::error!(%error, lines = entries.len(), "the sink refuses divergences");
            sink.outbox.give_up(entries.len());
            return Ok(true);
        }
        return Err(error);
    }
    sink.outbox.acknowledge(entries.len());
    for report in reports {
        let known = written.entry(report.run).or_default();
        for (route, counts, test) in report.routes {
            known.routes.insert(route, (counts, test));
        }
        for (signature, group) in report.signatures {
            known.signatures.insert(signature.id(), group.divergences());
        }
    }
    // A run that is over stays until nobody judges by its question any more.
    let mut sources = sink.sources.lock();
    let last = sources.len().saturating_sub(1);
    let mut number = 0;
    sources.retain(|source| {
        number += 1;
        number > last || Arc::strong_count(&source.findings) > 2
    });
    Ok(entries.len() == BATCH)
}

/// What of a run is not yet in the database.
fn report(sink: &Sink, source: &Source, written: Option<&Written>) -> Report {
    let findings = &source.findings;
    let tests = findings.tests();
    // Routes that only one of both knows get zeros from the other.
    let mut routes: HashMap<String, (Accounting, RouteTest)> = HashMap::new();
    for (route, counts) in source.counts(&sink.accounts) {
        routes.entry(route).or_default().0 = counts;
    }
    for (route, test) in tests {
        routes.entry(route).or_default().1 = test;
    }
    let fresh = |route: &str, state: &(Accounting, RouteTest)| {
        written.is_none_or(|written| written.routes.get(route) != Some(state))
    };
    let routes = routes
        .into_iter()
        .filter(|(route, state)| fresh(route, state))
        .map(|(route, (counts, test))| (route, counts, test))
        .collect();
    let signatures = findings.signatures(|signature, group| {
        written.is_none_or(|written| {
            written.signatures.get(&signature.id()) != Some(&group.divergences())
        })
    });
    Report {
        run: Arc::clone(findings.run()),
        replica: sink.replica.clone(),
        question: findings.question().to_owned(),
        standing: serde_json::to_string(&sink.stage.standing()).unwrap_or_default(),
        routes,
        signatures,
    }
}
