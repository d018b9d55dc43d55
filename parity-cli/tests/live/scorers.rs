//! Two live scorers in commit mode with the clock of the machine, and what spoils one of them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use parity::{
    compare::Observation,
    exchange::{Request, Response},
    fixture::Reader,
};
use parity_cli::{
    backend::{Answer, HttpClient},
    database::TEST_DATABASE_MARK,
    faulty::Fault,
    http_server::{Handler, HttpServer, plain},
};
use scorer::{
    cache::Cache,
    clock::Clock,
    embedded::{Options, Postgres, Source, migrate},
    server::Server,
    service::{Databases, Service},
    settings::Settings,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool, postgres::PgConnectOptions};

use super::redis_server::RedisServer;

const SPOIL_ROWS: &str = "
    CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.path := NEW.path || '/'; RETURN NEW; END $$;
    CREATE TRIGGER spoil BEFORE INSERT ON account_accountapikeyanalytics
        FOR EACH ROW EXECUTE FUNCTION spoil();";

/// A scorer that serves.
pub(crate) struct LiveScorer {
    pub(crate) url: String,
    pub(crate) database: String,
    pub(crate) redis: String,
    options: PgConnectOptions,
    _server: Server,
}

/// Redis databases of the two sides.
pub(crate) const REFERENCE_REDIS: u8 = 1;
pub(crate) const CANDIDATE_REDIS: u8 = 2;

/// Reference and candidate on one PostgreSQL server and one Redis server.
pub(crate) struct Scorers {
    pub(crate) reference: LiveScorer,
    pub(crate) candidate: LiveScorer,
    pub(crate) redis: RedisServer,
    /// Stopped last.
    _postgres: Postgres,
}

impl Scorers {
    /// Needs an installed PostgreSQL: the carried one holds a single database.
    pub(crate) async fn start() -> Self {
        let postgres = Postgres::start(Options::temporary(Source::Installed))
            .await
            .expect("an installed PostgreSQL");
        let redis = RedisServer::start().await;
        let mut sides = Vec::new();
        for (name, number) in [
            ("parity_reference", REFERENCE_REDIS),
            ("parity_candidate", CANDIDATE_REDIS),
        ] {
            redis.mark(number).await;
            sides.push(LiveScorer::start(&postgres, name, redis.url(number)).await);
        }
        let [reference, candidate] = sides.try_into().ok().expect("two sides");
        Self {
            reference,
            candidate,
            redis,
            _postgres: postgres,
        }
    }

    /// Arguments that name both sides, their databases and their Redis.
    pub(crate) fn sides(&self) -> Vec<String> {
        self.sides_with(&self.candidate.url)
    }

    /// As [`Self::sides`], with something else in front of the candidate.
    pub(crate) fn sides_with(&self, candidate: &str) -> Vec<String> {
        [
            ("--reference", self.reference.url.as_str()),
            ("--candidate", candidate),
            ("--reference-db", &self.reference.database),
            ("--candidate-db", &self.candidate.database),
            ("--reference-redis", &self.reference.redis),
            ("--candidate-redis", &self.candidate.redis),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value.to_owned()])
        .collect()
    }
}

impl LiveScorer {
    async fn start(postgres: &Postgres, name: &str, redis: String) -> Self {
        let server = postgres.pool();
        let sql = format!(
            "CREATE DATABASE {name};
             COMMENT ON DATABASE {name} IS '{TEST_DATABASE_MARK}'"
        );
        for statement in sql.split(';') {
            sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
                .execute(&server)
                .await
                .expect("a database");
        }
        let options = postgres.connect_options().clone().database(name);
        let database = options.to_url_lossy().to_string();
        let settings = settings(&database, &redis);
        let databases = Databases::connect(&settings).expect("a database");
        let cache = Cache::from_urls(settings.cache.as_ref()).expect("a Redis URL");
        let service = Service::new(settings, databases, cache, Clock::system());
        let server = Server::start(Arc::new(service)).await.expect("a port");
        Self {
            url: format!("http://{}", server.address()),
            database,
            redis,
            options,
            _server: server,
        }
    }

    /// Lets it write one row otherwise, while it answers the same. Returns connections to its
    /// database.
    pub(crate) async fn spoil_rows(&self) -> PgPool {
        let pool = PgPool::connect_lazy_with(self.options.clone());
        migrate(&pool).await.expect("the schema");
        sqlx::raw_sql(SPOIL_ROWS)
            .execute(&pool)
            .await
            .expect("a trigger");
        pool
    }
}

/// Those of the fixtures.
fn settings(database: &str, redis: &str) -> Settings {
    let reader = Reader::open(&super::fixtures()).expect("fixtures");
    let recorded = reader.manifest().settings.iter().cloned();
    let own = [
        ("DATABASE_URL", database),
        ("CELERY_BROKER_URL", redis),
        ("SCORER_LISTEN", "127.0.0.1:0"),
        ("SCORER_METRICS_LISTEN", "127.0.0.1:0"),
    ];
    let own_names = own.map(|(name, _)| name);
    let pairs = recorded
        .filter(|(name, _)| !own_names.contains(&name.as_str()))
        .chain(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Settings::from_pairs(pairs).expect("settings")
}

/// Passes requests on and spoils the answers.
struct Spoiler {
    backend: HttpClient,
    fault: &'static Fault,
}

/// A server in front of a backend whose answers all suffer from one fault.
pub(crate) async fn spoilt(backend: &str, fault: &str) -> HttpServer {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let spoiler = Spoiler {
        backend: HttpClient::new(backend, Duration::from_secs(60)).expect("an address"),
        fault: Fault::named(fault).expect("a fault"),
    };
    HttpServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(spoiler))
        .await
        .expect("a port")
}

impl Handler for Spoiler {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let response = match self.backend.send(&request).await {
                Ok(response) => response,
                Err(error) => return plain(502, &error.to_string()),
            };
            let mut answer = Answer {
                observation: Observation {
                    response,
                    effects: None,
                },
                cache: None,
                latency: None,
                clock: None,
            };
            self.fault.strike(&mut answer);
            answer.observation.response
        })
    }
}
