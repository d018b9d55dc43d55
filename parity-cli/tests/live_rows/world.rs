//! A proxy before a stand-in for the Python service, both on one database.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use parity::{
    accounting::Accounting,
    exchange::{Headers, Request, Response},
    fixture::{Reader, Step},
};
use parity_cli::{
    backend::HttpClient,
    database::{FreshDatabase, FreshDatabases, Seed},
    http_server::{Handler, HttpServer},
};
use parking_lot::Mutex;
use scorer::{
    cache::Cache,
    clock::Clock,
    effects::Change,
    embedded::{Options, Postgres, Source},
    message::{self, Mode, Reply},
    service::{Databases, Service},
    settings::Settings,
};
use shadow_proxy::{
    Config, Handle, Parts, Proxy,
    candidate::embedded::Scorer,
    config::{CandidateConfig, RowsConfig, backend::Embedded, units::Span},
    findings::Findings,
};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::{sync::Semaphore, time::timeout};

/// Longest wait for anything: reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const ALICE: &str = "0xc9c46882915370c8d324505cd88cde3e7caf2b4a";
/// Claims nullifiers that Alice claims too.
pub(crate) const BOB: &str = "0x1ceb95e14f89ba534b719aa70683b91a2902e820";

/// When the reference reads and writes. Python takes longer than the proxy needs to look; the
/// stand-in does not, and has to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Pace {
    /// After the proxy has looked.
    #[default]
    AfterTheLook,
    /// After the proxy has looked a first time, before the candidate reads.
    BeforeTheCandidate,
    /// Whenever it can.
    AtOnce,
}

/// Which database the proxy reads rows from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowsFrom {
    TheReference,
    /// One that the reference's server does not have.
    NoDatabase,
    /// Whatever listens there.
    Address(SocketAddr),
}

/// Changes what the candidate tells.
pub(crate) type Fault = fn(&mut Vec<Change>);

/// What the two sides are to do with the requests that follow.
#[derive(Default)]
pub(crate) struct Script {
    /// Scored by another replica after the candidate has looked, before the reference reads.
    pub(crate) meanwhile: Mutex<Option<Request>>,
    /// SQL run with the reference's own writes: rows it would not have written so.
    pub(crate) written_wrongly: Mutex<Option<String>>,
    /// A fault in the rows that the candidate tells.
    pub(crate) told_wrongly: Mutex<Option<Fault>>,
    pub(crate) pace: Mutex<Pace>,
    /// How many requests have to be with the reference before it goes on with any.
    pub(crate) together: Mutex<Option<Arc<tokio::sync::Barrier>>>,
}

/// What one world has that others have not.
pub(crate) struct Setting {
    pub(crate) rows: RowsConfig,
    pub(crate) from: RowsFrom,
    /// The clocks of both sides run, instead of standing still at the same instant.
    pub(crate) clocks_run: bool,
}

impl Default for Setting {
    /// Settings under which only a hang is slow.
    fn default() -> Self {
        Self {
            rows: RowsConfig {
                deadline: Span(PATIENCE),
                settle: Span::millis(20),
                ..RowsConfig::default()
            },
            from: RowsFrom::TheReference,
            clocks_run: false,
        }
    }
}

/// Everything one test needs.
pub(crate) struct World {
    pub(crate) proxy: Handle,
    pub(crate) script: Arc<Script>,
    pub(crate) pool: PgPool,
    client: HttpClient,
    /// Where it stands still.
    clock: Option<Clock>,
    databases: FreshDatabases,
    _database: FreshDatabase,
    _reference: HttpServer,
    _postgres: Postgres,
}

impl World {
    pub(crate) async fn with(setting: Setting) -> Self {
        let reader = Reader::open(&fixtures()).unwrap();
        let postgres = Postgres::start(Options::temporary(Source::Installed))
            .await
            .unwrap();
        let seed = Seed {
            origin: "seed.sql".to_owned(),
            sql: reader.seed().unwrap().unwrap(),
        };
        let databases = FreshDatabases::prepare(&postgres, &seed).await.unwrap();
        let database = databases.take().await.unwrap();
        let pool = database.pool.clone();
        let settings = Settings::from_pairs(reader.manifest().settings.clone()).unwrap();
        let stopped = "2026-01-15T12:00:00.123456Z".parse().unwrap();
        let clock = match setting.clocks_run {
            true => Clock::system(),
            false => Clock::fixed(stopped),
        };
        let cache = Cache::in_process();
        let service = || {
            Service::new(
                settings.clone(),
                Databases::single(pool.clone()),
                cache.clone(),
                clock.clone(),
            )
        };
        let script = Arc::<Script>::default();
        let findings = Arc::<OnceLock<Arc<Findings>>>::default();
        let turns = Arc::new(Turns {
            looked_at: Mutex::default(),
            written: Semaphore::new(0),
        });
        let reference = HttpServer::start(
            "127.0.0.1:0".parse().unwrap(),
            Arc::new(Reference {
                service: service(),
                pool: pool.clone(),
                script: Arc::clone(&script),
                findings: Arc::clone(&findings),
                turns: Arc::clone(&turns),
            }),
        )
        .await
        .unwrap();
        let candidate = Candidate {
            service: service(),
            pool: pool.clone(),
            script: Arc::clone(&script),
            turns,
        };
        let mut proxy = Config::forwarding_to(&format!("http://{}", reference.address()));
        proxy.candidate = Some(CandidateConfig::Embedded(Embedded::default()));
        proxy.rules = Some(fixtures().join("rules.toml"));
        proxy.mirror.deadline = Span(PATIENCE);
        proxy.mirror.busy_share = 1.0;
        proxy.rows = Some(setting.rows);
        let own = pool.connect_options().as_ref().clone();
        let rows = match setting.from {
            RowsFrom::TheReference => own,
            RowsFrom::NoDatabase => own.database("there_is_none"),
            RowsFrom::Address(address) => format!("postgres://nobody:none@{address}/none")
                .parse()
                .unwrap(),
        };
        let parts = Parts {
            scorer: Some(Arc::new(candidate)),
            rows_database: Some(rows),
        };
        let proxy = Proxy::start_with(proxy, parts).await.unwrap();
        findings.set(proxy.findings()).unwrap();
        let client = HttpClient::new(&format!("http://{}", proxy.address()), PATIENCE).unwrap();
        Self {
            proxy,
            script,
            pool,
            client,
            clock: (!setting.clocks_run).then_some(clock),
            databases,
            _database: database,
            _reference: reference,
            _postgres: postgres,
        }
    }

    pub(crate) async fn new() -> Self {
        Self::with(Setting::default()).await
    }

    /// Sends a request a second later than the one before, and returns the answer.
    pub(crate) async fn send(&self, request: &Request) -> Response {
        self.tick();
        self.client.send(request).await.unwrap()
    }

    /// Sends requests at the same time.
    pub(crate) async fn send_together(&self, requests: [&Request; 2]) {
        self.tick();
        *self.script.together.lock() = Some(Arc::new(tokio::sync::Barrier::new(2)));
        let sent = requests.map(|request| self.client.send(request));
        for answer in futures::future::join_all(sent).await {
            assert_eq!(answer.unwrap().status, 200);
        }
        *self.script.together.lock() = None;
    }

    fn tick(&self) {
        if let Some(clock) = &self.clock {
            clock.set(clock.now() + TimeDelta::seconds(1));
        }
    }

    /// Waits until nothing is open; the accounts of requests and of rows.
    pub(crate) async fn settled(&self) -> (Accounting, Accounting) {
        let findings = self.proxy.findings();
        let rows = findings.rows();
        timeout(PATIENCE, async {
            self.proxy.accounts().settled().await;
            rows.settled().await;
        })
        .await
        .expect("everything should have been settled");
        let (requests, rows) = (self.proxy.stats(), rows.totals());
        assert!(requests.is_balanced(), "{requests:?}");
        assert!(rows.is_balanced(), "{rows:?}");
        (requests, rows)
    }

    /// Places of the divergences found, the latest request's first.
    pub(crate) fn diverged(&self) -> Vec<Vec<String>> {
        let found = self.proxy.findings().recent();
        found
            .iter()
            .map(|found| {
                let diverged = found.line.diverged.iter();
                diverged
                    .map(|divergence| format!("{:?} {}", divergence.kind, divergence.path))
                    .collect()
            })
            .collect()
    }

    /// Why rows were not compared, and how often.
    pub(crate) fn reasons(&self) -> Vec<(&'static str, &'static str, u64)> {
        let routes = self.proxy.findings().rows().by_route();
        let reasons = routes.values().flat_map(|account| account.reasons.clone());
        reasons
            .map(|((outcome, reason), count)| (outcome, reason, count))
            .collect()
    }

    /// Takes back everything a scoring of an address wrote.
    pub(crate) async fn forget(&self, address: &str) {
        let sql = format!(
            "DELETE FROM registry_stamp WHERE passport_id IN (SELECT id FROM registry_passport WHERE address = '{address}');
             DELETE FROM registry_score WHERE passport_id IN (SELECT id FROM registry_passport WHERE address = '{address}');
             DELETE FROM registry_passport WHERE address = '{address}';
             DELETE FROM registry_hashscorerlink WHERE address = '{address}';
             DELETE FROM registry_humanpoints WHERE address = '{address}';
             DELETE FROM registry_humanpointscommunityqualifiedusers WHERE address = '{address}';"
        );
        run(&self.pool, &sql).await;
    }

    pub(crate) async fn close(self) {
        self.proxy.shutdown().await;
        drop((self._reference, self._database));
        self.databases.close().await;
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport")
}

/// Recorded steps of a group that need nothing done by hand before them.
pub(crate) fn steps(group: &str) -> Vec<Step> {
    let reader = Reader::open(&fixtures()).unwrap();
    let scenarios = reader
        .scenarios(&format!("exchanges/{group}.jsonl"))
        .unwrap();
    let steps = scenarios.flat_map(|scenario| scenario.unwrap().steps);
    steps.filter(|step| step.sql_before.is_none()).collect()
}

/// A scoring of this address in community 1.
pub(crate) fn scoring(address: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        target: format!("/v2/stamps/1/score/{address}"),
        headers: Headers(vec![
            ("Host".to_owned(), b"api.scorer.test".to_vec()),
            (
                "X-API-Key".to_owned(),
                b"Ga52435d.8f81d16d8ede1b6bb653d3705632d982".to_vec(),
            ),
        ]),
        body: bytes::Bytes::new(),
    }
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(pool)
        .await
        .unwrap();
}

/// Who goes first.
struct Turns {
    /// When the candidate last told its rows, by the database's clock.
    looked_at: Mutex<Option<DateTime<Utc>>>,
    /// A permit for each request that the reference has written.
    written: Semaphore,
}

/// The scorer as Python would be: it writes.
struct Reference {
    service: Service,
    pool: PgPool,
    script: Arc<Script>,
    findings: Arc<OnceLock<Arc<Findings>>>,
    turns: Arc<Turns>,
}

impl Reference {
    /// Waits until the image before the writing was taken; the proxy has to be slower than Python
    /// for the test alone.
    async fn let_the_proxy_look(&self) {
        let rows = self.findings.get().unwrap().rows();
        while rows.open() > 0 {
            let told = *self.turns.looked_at.lock();
            if let Some(told) = told {
                let taken: bool = sqlx::query_scalar(
                    "SELECT EXISTS (SELECT FROM pg_stat_activity
                     WHERE application_name = 'shadow-proxy rows' AND datname = current_database()
                         AND state = 'idle' AND query_start >= $1 AND query LIKE '%relation, id, version%')",
                )
                .bind(told)
                .fetch_one(&self.pool)
                .await
                .unwrap();
                if taken {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Handler for Reference {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let together = self.script.together.lock().clone();
            if let Some(barrier) = together {
                barrier.wait().await;
            }
            if *self.script.pace.lock() == Pace::AfterTheLook {
                self.let_the_proxy_look().await;
            }
            let meanwhile = self.script.meanwhile.lock().take();
            if let Some(other) = meanwhile {
                self.service.call(ask(other), Mode::Commit).await;
            }
            let reply = self.service.call(ask(request), Mode::Commit).await;
            let wrongly = self.script.written_wrongly.lock().take();
            if let Some(sql) = wrongly {
                run(&self.pool, &sql).await;
            }
            *self.turns.looked_at.lock() = None;
            self.turns.written.add_permits(1);
            Response {
                status: reply.response.status,
                headers: Headers(reply.response.headers),
                body: reply.response.body,
            }
        })
    }
}

fn ask(request: Request) -> message::Request {
    message::Request {
        method: request.method,
        target: request.target,
        headers: request.headers.0,
        body: request.body,
    }
}

/// The scorer in dry-run, with or without a fault.
struct Candidate {
    service: Service,
    pool: PgPool,
    script: Arc<Script>,
    turns: Arc<Turns>,
}

impl Scorer for Candidate {
    fn call(&self, request: message::Request, mode: Mode) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            assert_eq!(mode, Mode::DryRun);
            let pace = *self.script.pace.lock();
            if pace == Pace::BeforeTheCandidate {
                // Given back: the candidate may be asked again.
                let _written = self.turns.written.acquire().await.unwrap();
            }
            let mut reply = self.service.call(request, mode).await;
            let wrongly = *self.script.told_wrongly.lock();
            if let Some(fault) = wrongly {
                fault(&mut reply.effects.0);
            }
            let now = sqlx::query_scalar("SELECT clock_timestamp()")
                .fetch_one(&self.pool)
                .await
                .unwrap();
            *self.turns.looked_at.lock() = Some(now);
            reply
        })
    }
}
