//! What several replicas found, as one, in PostgreSQL.
//!
//! Every replica writes what it counted since it began, and reads what the others wrote, once in an
//! interval and never while somebody waits. Counts replace the row before them, divergences are
//! numbered within their run: a batch that is sent again after a broken connection counts once.
//! While the database is away divergences wait in a bounded buffer, beyond it they are dropped and
//! counted; counts wait in memory anyway and lose nothing.

mod outbox;
pub mod stages;
mod store;
mod writer;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use parity::accounting::Accounting;
use parking_lot::{Mutex, RwLock};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::{
    outbox::{Counts, Entry, Outbox},
    store::{MigrateError, Others, SinkError, Store},
};
use crate::{accounts::Accounts, config::sink::SinkConfig, findings::Findings, stage::Stage};

/// Where the replicas meet.
#[derive(Debug)]
pub struct Sink {
    config: SinkConfig,
    replica: String,
    store: Store,
    outbox: Arc<Outbox>,
    accounts: Arc<Accounts>,
    stage: Arc<Stage>,
    /// Findings to be written; the last are the current ones.
    sources: Mutex<Vec<Source>>,
    others: RwLock<Arc<Others>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

/// One run of this process: the findings on one question.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    findings: Arc<Findings>,
    /// What had been counted before it began.
    before: BTreeMap<String, Accounting>,
    /// What had been counted when the next one began.
    until: Option<BTreeMap<String, Accounting>>,
}

impl Source {
    /// Counts of this run alone.
    fn counts(&self, accounts: &Accounts) -> BTreeMap<String, Accounting> {
        let mut counts = self.until.clone().unwrap_or_else(|| totals(accounts));
        for (route, before) in &self.before {
            if let Some(counts) = counts.get_mut(route) {
                counts.subtract(before);
            }
        }
        counts
    }
}

fn totals(accounts: &Accounts) -> BTreeMap<String, Accounting> {
    let routes = accounts.by_route().into_iter();
    routes
        .map(|(route, account)| (route.as_ref().to_owned(), account.totals))
        .collect()
}

impl Sink {
    /// A sink that connects when it is started.
    ///
    /// # Errors
    /// When the variable with the URL is not set, or holds no URL.
    pub fn new(
        config: &SinkConfig,
        accounts: Arc<Accounts>,
        stage: Arc<Stage>,
    ) -> Result<Self, SinkError> {
        let replica = config.replica.clone().unwrap_or_else(host_name);
        Ok(Self {
            store: Store::connect(config)?,
            outbox: Arc::new(Outbox::new(config.buffer.bytes())),
            config: config.clone(),
            replica,
            accounts,
            stage,
            sources: Mutex::default(),
            others: RwLock::default(),
            tasks: Mutex::default(),
            stop: CancellationToken::new(),
        })
    }

    /// Starts to write and to read, on the runtime that is current.
    pub fn start(self: &Arc<Self>) {
        let mut tasks = self.tasks.lock();
        tasks.push(tokio::spawn(writer::run(Arc::clone(self))));
        if self.config.share_stage {
            tasks.push(tokio::spawn(stages::run(
                self.store.clone(),
                Arc::clone(&self.stage),
                self.stop.clone(),
            )));
        }
    }

    /// From now on these findings are the current ones.
    pub fn follow(&self, findings: Arc<Findings>) {
        let now = totals(&self.accounts);
        let mut sources = self.sources.lock();
        let before = if sources.is_empty() {
            BTreeMap::new()
        } else {
            now.clone()
        };
        if let Some(last) = sources.last_mut() {
            last.until = Some(now);
        }
        sources.push(Source {
            findings,
            before,
            until: None,
        });
        // Of another question: what was read so far has nothing to say.
        *self.others.write() = Arc::default();
    }

    /// Where divergences are put to be written.
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// What became of the divergences.
    pub fn counts(&self) -> &Counts {
        self.outbox.counts()
    }

    pub fn replica(&self) -> &str {
        &self.replica
    }

    /// Whether the last attempt to write succeeded.
    pub fn is_up(&self) -> bool {
        self.counts().up.load(Ordering::Relaxed)
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What the other replicas had found when they were last asked.
    pub fn others(&self) -> Arc<Others> {
        Arc::clone(&self.others.read())
    }

    /// What this replica counted since its current findings began.
    pub fn own_counts(&self) -> BTreeMap<String, Accounting> {
        let source = self.sources.lock().last().cloned();
        source.map_or_else(BTreeMap::new, |source| source.counts(&self.accounts))
    }

    /// Writes what waits, as far as the database lets it, and ends.
    pub async fn close(&self) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            // They only end by returning.
            let _ = task.await;
        }
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = name.or_else(|_| std::env::var("HOSTNAME"));
    name.map_or_else(|_| "unnamed".to_owned(), |name| name.trim().to_owned())
}
