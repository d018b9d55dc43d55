//! Requests to the scorer, recorded and changed: targets, headers with keys and tokens, bodies with
//! credentials. On a seeded database, without writing.

use std::sync::Arc;

use parity::{exchange, fixture::Corpus};
use parity_cli::database::{FreshDatabase, FreshDatabases, Seed};
use proptest::{prelude::*, sample::Index, test_runner::TestRunner};
use scorer::{
    cache::Cache,
    clock::Clock,
    embedded::{Options, Postgres},
    message::{Mode, Request},
    service::{Databases, Service},
    settings::Settings,
};

use crate::{config, mutate::mutated, recorded, workspace};

struct World {
    service: Service,
    database: FreshDatabase,
    databases: FreshDatabases,
    postgres: Postgres,
}

impl World {
    async fn start() -> Self {
        let corpus = Corpus::read(&workspace("fixtures/passport")).unwrap();
        let postgres = Postgres::start(Options::default()).await.unwrap();
        let seed = Seed {
            origin: "seed.sql".to_owned(),
            sql: corpus.seed.clone().unwrap(),
        };
        let databases = FreshDatabases::prepare(&postgres, &seed).await.unwrap();
        let database = databases.take().await.unwrap();
        let clock = "2026-01-15T12:00:00.123456Z".parse().unwrap();
        let service = Service::new(
            Settings::from_pairs(corpus.settings).unwrap(),
            Databases::single(database.pool.clone()),
            Cache::in_process(),
            Clock::fixed(clock),
        );
        Self {
            service,
            database,
            databases,
            postgres,
        }
    }

    async fn stop(self) {
        drop(self.database);
        self.databases.close().await;
        drop(self.postgres);
    }
}

/// The fields of a recorded request, one part of which is changed.
fn request(steps: Arc<Vec<exchange::Request>>) -> impl Strategy<Value = Request> {
    let parts = |part: fn(&exchange::Request) -> Vec<Vec<u8>>| {
        let mut parts: Vec<_> = steps.iter().flat_map(part).collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    };
    let targets = parts(|request| vec![request.target.clone().into_bytes()]);
    let values = parts(|request| {
        request
            .headers
            .0
            .iter()
            .map(|(_, value)| value.clone())
            .collect()
    });
    let bodies = parts(|request| vec![request.body.to_vec()]);
    (
        any::<Index>(),
        0..4u8,
        any::<Index>(),
        mutated(targets),
        mutated(values),
        mutated(bodies),
    )
        .prop_map(move |(step, part, field, target, value, body)| {
            let recorded = step.get(&steps);
            let mut request = Request {
                method: recorded.method.clone(),
                target: recorded.target.clone(),
                headers: recorded.headers.0.clone(),
                body: recorded.body.clone(),
            };
            match part {
                0 => request.target = target.into_iter().map(char::from).collect(),
                1 if !request.headers.is_empty() => {
                    let field = field.index(request.headers.len());
                    request.headers[field].1 = value;
                }
                _ => request.body = body.into(),
            }
            request
        })
}

#[test]
fn every_request_gets_an_answer() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::start());
    let steps = Arc::new(recorded().into_iter().map(|step| step.request).collect());
    let outcome = TestRunner::new(config()).run(&request(steps), |request| {
        let reply = runtime.block_on(world.service.call(request, Mode::DryRun));
        prop_assert!((200..600).contains(&reply.response.status));
        Ok(())
    });
    runtime.block_on(world.stop());
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
