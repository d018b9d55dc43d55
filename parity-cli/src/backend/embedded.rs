//! The scorer in this process, on a database of its own, with the clock of the recording.

use std::time::Instant;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use parity::{
    clocks::Span,
    compare::Observation,
    exchange::{Headers, Request, Response},
    fixture::{Cache, CacheEntry, Scenario, Step},
    json::Value,
};
use scorer::{
    cache::{Cache as ScorerCache, CacheValue, CacheWrite},
    clock::Clock,
    embedded::Postgres,
    message::{self, Mode, Reply},
    service::{Databases, Service},
    settings::Settings,
};
use shadow_proxy::candidate::embedded::rows;

use super::{Answer, Backend, BackendError, Session};
use crate::database::{DatabaseError, FreshDatabase, FreshDatabases, Seed, SeedRows};

/// The embedded scorer.
#[derive(Debug)]
pub struct Embedded {
    settings: Settings,
    mode: Mode,
    databases: FreshDatabases,
    /// Stopped last.
    postgres: Postgres,
}

impl Embedded {
    /// Prepares the seeded state. In [`Mode::DryRun`] the scorer writes nothing: the effects it
    /// hands back are what is compared, and the recorded rows are brought in after each step.
    ///
    /// # Errors
    /// The server does not let us create databases, or the seed does not load.
    pub async fn prepare(
        postgres: Postgres,
        settings: Settings,
        seed: &Seed,
        mode: Mode,
    ) -> Result<Self, DatabaseError> {
        Ok(Self {
            databases: FreshDatabases::prepare(&postgres, seed).await?,
            settings,
            mode,
            postgres,
        })
    }
}

impl Backend for Embedded {
    fn describe(&self) -> String {
        let mode = if self.mode.writes() {
            ""
        } else {
            " in dry-run"
        };
        format!("the embedded scorer{mode} on {}", self.postgres.describe())
    }

    fn concurrency(&self) -> usize {
        self.databases.concurrency()
    }

    fn begin<'a>(
        &'a self,
        _: &'a Scenario,
    ) -> BoxFuture<'a, Result<Box<dyn Session + 'a>, BackendError>> {
        Box::pin(async {
            let database = self.databases.take().await?;
            let clock = Clock::fixed(DateTime::UNIX_EPOCH);
            let cache = ScorerCache::in_process();
            let service = Service::new(
                self.settings.clone(),
                Databases::single(database.pool.clone()),
                cache.clone(),
                clock.clone(),
            );
            Ok(Box::new(EmbeddedSession {
                mode: self.mode,
                database,
                cache,
                clock,
                service,
            }) as Box<dyn Session>)
        })
    }

    fn seed_rows(&self) -> BoxFuture<'_, Result<Option<SeedRows>, DatabaseError>> {
        Box::pin(async { self.databases.take().await?.seed_rows().await.map(Some) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.databases.close().await;
        })
    }
}

struct EmbeddedSession {
    mode: Mode,
    database: FreshDatabase,
    cache: ScorerCache,
    clock: Clock,
    service: Service,
}

impl EmbeddedSession {
    async fn prepare(&mut self, step: &Step) -> Result<(), BackendError> {
        let now = match &step.clock {
            None => Utc::now(),
            Some(text) => text.parse::<DateTime<Utc>>().map_err(|error| {
                BackendError::CannotAsk(format!("the step's clock `{text}` is no time: {error}"))
            })?,
        };
        self.clock.set(now);
        if step.redis_flush_before {
            self.cache.clear();
        }
        if let Some(sql) = &step.sql_before {
            self.database
                .prepare(sql)
                .await
                .map_err(|source| DatabaseError::SqlBefore {
                    scenario: step.scenario.clone(),
                    step: step.step,
                    source,
                })?;
            self.database.capture.skip().await?;
        }
        Ok(())
    }

    /// The reference's rows and counters, for the steps that follow in dry-run.
    async fn follow(&mut self, step: &Step) -> Result<(), BackendError> {
        if let Some(effects) = &step.effects {
            self.database.apply(effects).await?;
        }
        for (key, entry) in step.cache.iter().flat_map(|cache| &cache.set) {
            let value = match &entry.value {
                Value::Number(number) => number.parse().ok().map(CacheValue::Counter),
                other => other
                    .as_str()
                    .map(|text| CacheValue::Text(text.into_owned())),
            };
            let life = entry.ttl_s.and_then(|seconds| u64::try_from(seconds).ok());
            if let Some(value) = value {
                self.cache
                    .put(key, value, life.unwrap_or(u64::from(u32::MAX)));
            }
        }
        Ok(())
    }
}

impl Session for EmbeddedSession {
    fn answer<'a>(
        &'a mut self,
        step: &'a Step,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Answer, BackendError>> {
        Box::pin(async {
            self.prepare(step).await?;
            let started = Instant::now();
            let Reply {
                response,
                effects,
                cache,
                ..
            } = self.service.call(ask(request), self.mode).await;
            let latency = started.elapsed();
            let effects = if self.mode.writes() {
                self.database.capture.take().await?
            } else {
                self.follow(step).await?;
                rows::effects(&effects)
            };
            Ok(Answer {
                observation: Observation {
                    response: Response {
                        status: response.status,
                        headers: Headers(response.headers),
                        body: response.body,
                    },
                    effects: Some(effects),
                },
                cache: Some(entries(cache)),
                latency: Some(latency),
                clock: Some(Span::at(self.clock.now())),
            })
        })
    }

    fn end<'a>(self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a,
    {
        Box::pin(async {})
    }
}

fn ask(request: &Request) -> message::Request {
    message::Request {
        method: request.method.clone(),
        target: request.target.clone(),
        headers: request.headers.0.clone(),
        body: request.body.clone(),
    }
}

fn entries(writes: Vec<CacheWrite>) -> Cache {
    let set = writes
        .into_iter()
        .map(|write| {
            let value = match write.value {
                CacheValue::Counter(count) => Value::number(count),
                CacheValue::Text(text) => Value::string(&text),
            };
            let ttl_s = i64::try_from(write.time_to_live).ok();
            (write.key, CacheEntry { value, ttl_s })
        })
        .collect();
    Cache { set }
}
