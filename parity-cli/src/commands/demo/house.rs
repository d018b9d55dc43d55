//! Everything the demo starts, and its end.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use parity::fixture::{Corpus, Scenario};
use scorer::{
    cache::Cache,
    clock::Clock,
    embedded::{Options, Postgres, Source},
    service::{Databases, Service},
    settings::Settings,
};
use shadow_proxy::{
    Config, Parts, Proxy,
    candidate::embedded::Scorer,
    config::{CandidateConfig, backend::Embedded, units::Span},
};

use super::seeded::SeededScorer;
use crate::{
    database::{FreshDatabase, FreshDatabases, Seed},
    exit::Failure,
    stub::{Latency, Stub},
    terminal::Terminal,
};

/// Nobody is to time out: a demo compares everything, also where an unoptimised build takes seconds
/// to check an old password hash.
const DEADLINE: Span = Span::secs(60);

/// A database, the scorer, recorded answers behind a port, and the proxy between them. What was
/// started is gone when this is dropped; [`House::close`] lets it finish first.
pub(super) struct House {
    pub(super) proxy: shadow_proxy::Handle,
    pub(super) candidate: Arc<SeededScorer>,
    _stub: Stub,
    _database: FreshDatabase,
    databases: FreshDatabases,
    _postgres: Postgres,
}

impl House {
    /// Starts everything, and tells what runs where.
    pub(super) async fn start(
        corpus: &Corpus,
        rules: &Path,
        clock: DateTime<Utc>,
        scenarios: Vec<Scenario>,
        terminal: Terminal,
    ) -> Result<Self, Failure> {
        let settings = Settings::from_pairs(corpus.settings.iter().cloned())
            .map_err(|error| Failure::usage(format!("the fixtures' settings: {error}")))?;
        let source = Source::from_env().map_err(Failure::usage)?;
        let postgres = Postgres::start(Options::temporary(source))
            .await
            .map_err(Failure::internal)?;
        terminal.note(&format!("database   {}", postgres.describe()));
        let seed = Seed {
            origin: "seed.sql".to_owned(),
            sql: corpus.seed.clone().unwrap_or_default(),
        };
        let databases = FreshDatabases::prepare(&postgres, &seed)
            .await
            .map_err(Failure::internal)?;
        let database = databases.take().await.map_err(Failure::internal)?;
        let candidate = Arc::new(SeededScorer::new(Service::new(
            settings,
            Databases::single(database.pool.clone()),
            Cache::in_process(),
            Clock::fixed(clock),
        )));
        terminal.note(&format!(
            "candidate  the scorer in this process, dry-run, clock at {clock}"
        ));

        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let recorded = scenarios.len();
        let stub = Stub::start(loopback, scenarios, Latency::Fixed(Duration::ZERO))
            .await
            .map_err(Failure::internal)?;
        terminal.note(&format!(
            "reference  {recorded} recorded Python answers on http://{}",
            stub.address()
        ));
        let mut config = Config::forwarding_to(&format!("http://{}", stub.address()));
        config.candidate = Some(CandidateConfig::Embedded(Embedded::default()));
        config.rules = Some(rules.to_owned());
        config.mirror.deadline = DEADLINE;
        // The demo waits for every comparison, however busy the machine.
        config.mirror.busy_share = 1.0;
        let scorer: Arc<dyn Scorer> = candidate.clone();
        let parts = Parts {
            scorer: Some(scorer),
            ..Parts::default()
        };
        let proxy = Proxy::start_with(config, parts)
            .await
            .map_err(Failure::internal)?;
        terminal.note(&format!("proxy      on http://{}", proxy.address()));
        terminal.note(&format!(
            "dashboard  on http://{}/ until the demo ends",
            proxy.admin_address()
        ));
        Ok(Self {
            proxy,
            candidate,
            _stub: stub,
            _database: database,
            databases,
            _postgres: postgres,
        })
    }

    /// Stops everything in good order.
    pub(super) async fn close(self) {
        self.proxy.shutdown().await;
        self.databases.close().await;
    }
}
