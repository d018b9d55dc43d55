//! Puts the parts together, and takes them apart again.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use parity::{
    accounting::Accounting,
    fixture::FixtureError,
    ledger::{Ledger, LedgerError},
    rules::{Rules, RulesError},
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    net::TcpListener,
    runtime::{self, Runtime},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    accounts::Accounts,
    admin::{Admin, Token, TokenError},
    candidate::{
        Candidate,
        embedded::{Embedded, Scorer},
        http::HttpBackend,
    },
    config::{CandidateConfig, Config, ConfigError, MirrorConfig, RowsConfig, units::Span},
    findings::Findings,
    fleet::Fleet,
    forward::{connect::BackendError, upstream::Upstream},
    journal::Journal,
    judge::Judge,
    lanes::Lanes,
    listener,
    mirror::{Mirror, MirrorParts, budget::Budget},
    noise::Noise,
    recording::Recorder,
    redaction::{Redaction, RedactionError},
    route::Routes,
    rows::Rows,
    serve::{Live, Service, Serving},
    sink::{Sink, SinkError},
    stage::{Stage, StateError},
    verdicts,
};

/// Why the proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("cannot use the rules: {0}")]
    Rules(#[from] RulesError),
    #[error("cannot use the ledger: {0}")]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Redaction(#[from] RedactionError),
    #[error(transparent)]
    Stage(#[from] StateError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("cannot open the journal: {0}")]
    Journal(#[source] std::io::Error),
    #[error("cannot start threads: {0}")]
    Threads(#[source] std::io::Error),
    #[error("cannot record: {0}")]
    Recording(#[from] FixtureError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("the configuration asks for the embedded scorer, but none was given")]
    NoScorer,
    /// The URL itself may hold a password and is not shown.
    #[error("rows.url_env: the environment variable `{0}` is not set to a PostgreSQL URL")]
    RowsUrl(String),
}

/// What the configuration cannot say.
#[derive(Clone, Default)]
pub struct Parts {
    /// Required by `candidate.kind = "embedded"`.
    pub scorer: Option<Arc<dyn Scorer>>,
    /// The database that the reference writes to, instead of the one `rows.url_env` names.
    pub rows_database: Option<PgConnectOptions>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("scorer", &self.scorer.is_some())
            .field("rows_database", &self.rows_database.is_some())
            .finish()
    }
}

/// Whether everything a configuration names can be used: backends, certificates, rules, ledger,
/// redaction. Opens no port and connects to nothing.
///
/// # Errors
/// Says what cannot be used.
pub fn check(config: &Config) -> Result<(), StartError> {
    config.validate()?;
    Upstream::new(&config.reference, &config.limits)?;
    if let Some(CandidateConfig::Http(backend)) = &config.candidate {
        Upstream::new(backend, &config.limits)?;
    }
    Shared::judge(config)?;
    Redaction::new(&config.redaction)?;
    if let Some(rows) = &config.rows {
        rows_database(rows)?;
    }
    Ok(())
}

fn rows_database(config: &RowsConfig) -> Result<PgConnectOptions, StartError> {
    let url = std::env::var(&config.url_env).ok();
    url.and_then(|url| url.parse().ok())
        .ok_or_else(|| StartError::RowsUrl(config.url_env.clone()))
}

/// The proxy, to be started.
#[derive(Debug)]
pub struct Proxy;

impl Proxy {
    /// Validates the configuration, opens the ports and serves until the handle is shut down.
    ///
    /// # Errors
    /// When the configuration contradicts itself, a backend cannot be set up, or a port is taken.
    pub async fn start(config: Config) -> Result<Handle, StartError> {
        Self::start_with(config, Parts::default()).await
    }

    /// [`Proxy::start`] with parts that the configuration cannot describe.
    ///
    /// # Errors
    /// As [`Proxy::start`].
    pub async fn start_with(config: Config, parts: Parts) -> Result<Handle, StartError> {
        config.validate()?;
        let listener = listen(config.listen.address).await?;
        let admin = listen(config.admin.address).await?;
        let addresses = (local(&listener)?, local(&admin)?);
        let (limits, drain) = (config.limits.clone(), config.listen.drain);
        let lanes = |count| {
            Lanes::start(count)
                .map(Arc::new)
                .map_err(StartError::Threads)
        };
        let (serving_lanes, admin_lane) = (lanes(config.listen.threads)?, lanes(1)?);
        let shared = Shared::new(&config, parts)?;
        let token = Token::read(&config.admin)?;
        let live = shared.live(config)?;
        let service = Arc::new(Service::new(
            live,
            Arc::clone(&shared.accounts),
            Arc::clone(&shared.stage),
            shared.sink.clone(),
            shared.recorder.clone(),
        ));
        shared.keep_budget(&service);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(listener::run(
            listener,
            Arc::clone(&service),
            serving_lanes,
            limits.clone(),
            drain,
            stop.clone(),
        ));
        // Operators are served to the end: their connections are broken off with the proxy.
        let administering = tokio::spawn(listener::run(
            admin,
            Arc::new(Admin::new(Arc::clone(&service), token)),
            admin_lane,
            limits,
            Span::secs(1),
            stop.clone(),
        ));
        Ok(Handle {
            address: addresses.0,
            admin_address: addresses.1,
            service,
            serving,
            administering,
            stop,
            shared,
        })
    }
}

/// What outlives a reading of the configuration.
#[derive(Debug)]
struct Shared {
    /// The mirror's own threads: nothing it computes can keep the primary path waiting for a turn.
    runtime: MirrorRuntime,
    budget: Arc<Budget>,
    accounts: Arc<Accounts>,
    /// Of the question that the last reading asks.
    findings: Mutex<Arc<Findings>>,
    stage: Arc<Stage>,
    sink: Option<Arc<Sink>>,
    recorder: Option<Arc<Recorder>>,
    parts: Parts,
}

impl Shared {
    fn new(config: &Config, parts: Parts) -> Result<Self, StartError> {
        let budget = Arc::new(Budget::new(config.mirror.busy_share));
        let runtime = mirror_runtime(&config.mirror, &budget)?;
        let accounts = Arc::<Accounts>::default();
        let stage = Arc::new(Stage::new(&config.stage)?);
        let sink = match &config.sink {
            None => None,
            Some(sink) => {
                let (accounts, stage) = (Arc::clone(&accounts), Arc::clone(&stage));
                let _entered = runtime.0.as_ref().map(Runtime::enter);
                Some(Arc::new(Sink::new(sink, accounts, stage)?))
            }
        };
        let findings = Arc::new(Findings::new(
            question(config)?,
            Journal::open(&config.journal).map_err(StartError::Journal)?,
            sink.as_ref().map(|sink| sink.outbox()),
        ));
        if let Some(sink) = &sink {
            let _entered = runtime.0.as_ref().map(Runtime::enter);
            sink.follow(Arc::clone(&findings));
            sink.start();
        }
        let recorder = Recorder::start(&config.recording, Redaction::new(&config.redaction)?)?;
        if let Some(recorder) = &recorder {
            let directory = recorder.directory().display();
            tracing::info!(%directory, "recording");
        }
        Ok(Self {
            runtime,
            budget,
            accounts,
            findings: Mutex::new(findings),
            stage,
            sink,
            recorder,
            parts,
        })
    }

    /// Holds the mirror to its budget for as long as the service lives.
    fn keep_budget(&self, service: &Arc<Service>) {
        let service = Arc::downgrade(service);
        let _entered = self.runtime.0.as_ref().map(Runtime::enter);
        self.budget
            .keep(move || service.upgrade().map(|service| service.waited()));
    }

    /// The findings on what a configuration asks: those so far, or new ones.
    fn findings(&self, config: &Config) -> Result<Arc<Findings>, StartError> {
        let question = question(config)?;
        let mut findings = self.findings.lock();
        if findings.question() != question {
            *findings = Arc::new(findings.succeed(question));
            if let Some(sink) = &self.sink {
                sink.follow(Arc::clone(&findings));
            }
        }
        Ok(Arc::clone(&findings))
    }

    fn judge(config: &Config) -> Result<Judge, StartError> {
        let rules = match &config.rules {
            Some(path) => Rules::read(path)?,
            None => Rules::none(),
        };
        let ledger = match &config.ledger {
            Some(path) => Ledger::read(path)?,
            None => Ledger::none(),
        };
        Ok(Judge::new(rules, ledger))
    }

    fn rows(
        &self,
        config: &Config,
        candidate: &Candidate,
        findings: &Findings,
    ) -> Result<Option<Arc<Rows>>, StartError> {
        let (Some(rows), Candidate::Embedded(scorer)) = (&config.rows, candidate) else {
            return Ok(None);
        };
        let database = match &self.parts.rows_database {
            Some(database) => database.clone(),
            None => rows_database(rows)?,
        };
        let accounts = Arc::clone(findings.rows());
        Ok(Some(Rows::new(rows, &database, scorer.clone(), accounts)))
    }

    fn noise(config: &Config, routes: &Routes, findings: &Findings) -> Option<Noise> {
        routes
            .all()
            .any(|route| verdicts::is_asked_twice(config, route))
            .then(|| Noise::new(&config.noise, Arc::clone(findings.noise())))
    }

    fn live(&self, config: Config) -> Result<Live, StartError> {
        let findings = self.findings(&config)?;
        let limits = &config.limits;
        let upstream = |backend| Upstream::new(backend, limits).map(Arc::new);
        let cap = config.mirror.body_cap.bytes();
        let (serving, candidate) = match &config.candidate {
            None => (None, None),
            Some(CandidateConfig::Http(backend)) => (
                Some(Serving::Http(upstream(backend)?)),
                Some(Candidate::Http(HttpBackend::new(upstream(backend)?, cap))),
            ),
            Some(CandidateConfig::Embedded(_)) => {
                let scorer = self.parts.scorer.clone().ok_or(StartError::NoScorer)?;
                let scorer = Embedded::new(scorer);
                (
                    Some(Serving::Embedded(
                        scorer.clone(),
                        runtime::Handle::current(),
                    )),
                    Some(Candidate::Embedded(scorer)),
                )
            }
        };
        let routes = Routes::new(&config.routes);
        let mirror = match candidate {
            None => None,
            Some(candidate) => {
                let reference = HttpBackend::new(upstream(&config.reference)?, cap);
                let _entered = self.runtime.0.as_ref().map(Runtime::enter);
                let parts = MirrorParts {
                    rows: self.rows(&config, &candidate, &findings)?,
                    noise: Self::noise(&config, &routes, &findings),
                    candidate,
                    reference: Candidate::Http(reference),
                    judge: Self::judge(&config)?,
                    redaction: Redaction::new(&config.redaction)?,
                    findings: Arc::clone(&findings),
                    stage: Arc::clone(&self.stage),
                    budget: Arc::clone(&self.budget),
                };
                Some(Mirror::start(config.mirror.clone(), parts))
            }
        };
        Ok(Live {
            routes,
            reference: upstream(&config.reference)?,
            candidate: serving,
            mirror,
            findings,
            config,
        })
    }
}

/// Names what is compared by what. Whatever changes the meaning of a comparison makes another
/// question, which starts without evidence (`docs/evidence.md`, Replicas).
fn question(config: &Config) -> Result<String, StartError> {
    let read = |path: &Option<PathBuf>| match path {
        None => Ok(Vec::new()),
        Some(path) => std::fs::read(path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        }),
    };
    let judged = format!(
        "{:?}",
        verdicts::judged(config, &Routes::new(&config.routes))
    );
    let series = config.sink.as_ref().map_or("", |sink| sink.series.as_str());
    let digest = [
        env!("CARGO_PKG_VERSION").as_bytes(),
        series.as_bytes(),
        judged.as_bytes(),
        &read(&config.rules)?,
        &read(&config.ledger)?,
    ]
    .into_iter()
    .fold(Sha256::new(), |hash, part| {
        hash.chain_update((part.len() as u64).to_be_bytes())
            .chain_update(part)
    });
    let digest = digest.finalize();
    Ok(digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// A runtime that may be dropped anywhere.
#[derive(Debug)]
struct MirrorRuntime(Option<Runtime>);

impl Drop for MirrorRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn mirror_runtime(
    config: &MirrorConfig,
    budget: &Arc<Budget>,
) -> Result<MirrorRuntime, StartError> {
    let niceness = config.niceness;
    let budget = Arc::clone(budget);
    runtime::Builder::new_multi_thread()
        .worker_threads(config.threads)
        .thread_name("mirror")
        .on_thread_start(move || {
            budget.join();
            // On Linux this is the priority of the calling thread alone. A system that refuses
            // leaves the mirror as important as the users.
            if let Err(error) = rustix::process::setpriority_process(None, niceness) {
                tracing::warn!(%error, "cannot lower the priority of the mirror");
            }
        })
        .enable_all()
        .build()
        .map(|runtime| MirrorRuntime(Some(runtime)))
        .map_err(StartError::Threads)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Listen {
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        source,
    })
}

/// A running proxy.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    admin_address: SocketAddr,
    service: Arc<Service>,
    serving: JoinHandle<()>,
    administering: JoinHandle<()>,
    stop: CancellationToken,
    shared: Shared,
}

impl Handle {
    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators connect.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// What became of the requests so far.
    pub fn stats(&self) -> Accounting {
        self.service.accounts.totals()
    }

    /// Requests whose fate is open.
    pub fn open(&self) -> i64 {
        self.service.accounts.open()
    }

    /// Exchanges that the mirror holds now.
    pub fn held(&self) -> usize {
        let live = self.service.live();
        live.mirror.as_ref().map_or(0, |mirror| mirror.held())
    }

    /// What the comparisons found.
    pub fn findings(&self) -> Arc<Findings> {
        Arc::clone(&self.service.live().findings)
    }

    /// What all replicas found, as far as it is known here.
    pub fn fleet(&self) -> Fleet {
        self.service.fleet()
    }

    /// The recording, where there is one.
    pub fn recorder(&self) -> Option<Arc<Recorder>> {
        self.shared.recorder.clone()
    }

    /// The cutover ladder.
    pub fn stage(&self) -> &Arc<Stage> {
        &self.shared.stage
    }

    /// Counts by route and reason.
    pub fn accounts(&self) -> &Arc<crate::accounts::Accounts> {
        &self.service.accounts
    }

    /// Puts a new configuration in force without closing a connection. Ports and the numbers
    /// of threads stay as they were.
    ///
    /// # Errors
    /// When it contradicts itself or a backend cannot be set up; the old one stays in force.
    pub fn reload(&self, config: Config) -> Result<(), StartError> {
        config.validate()?;
        self.service.replace(self.shared.live(config)?);
        Ok(())
    }

    /// Accepts no more, lets open exchanges finish, and returns.
    pub async fn shutdown(self) {
        self.stop.cancel();
        // The task only ends by returning; a panic in it has been reported already.
        let _ = self.serving.await;
        let _ = self.administering.await;
        // What is being judged still belongs to the journal, but nobody waits long for it.
        let patience = std::time::Duration::from_secs(1);
        let _ = tokio::time::timeout(patience, self.service.accounts.settled()).await;
        self.service.live().findings.journal().close();
        if let Some(recorder) = &self.shared.recorder {
            recorder.close();
        }
        if let Some(sink) = &self.shared.sink {
            sink.close().await;
        }
    }
}
