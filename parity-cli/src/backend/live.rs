//! A running service over HTTP, with its test database and its Redis where they are given.

use std::time::{Duration, Instant};

use chrono::Utc;
use futures::future::BoxFuture;
use parity::{
    clocks::Span,
    compare::Observation,
    exchange::Request,
    fixture::{Scenario, Step},
};
use tokio::sync::{Mutex, MutexGuard};

use super::{Answer, Backend, BackendError, HttpClient, Session};
use crate::database::{DatabaseError, RowCapture, SeedRows, TestDatabase, TestRedis};

/// A live backend.
#[derive(Debug)]
pub struct Live {
    client: HttpClient,
    /// Held by the scenario that plays on it.
    database: Option<Mutex<TestDatabase>>,
    /// As the database.
    redis: Option<Mutex<TestRedis>>,
    /// How far its clock may be from the one of this machine.
    clock_skew: Duration,
}

impl Live {
    /// Without a database no rows are reset between scenarios or compared, without Redis no cache
    /// entries.
    pub fn new(
        client: HttpClient,
        database: Option<TestDatabase>,
        redis: Option<TestRedis>,
        clock_skew: Duration,
    ) -> Self {
        Self {
            client,
            database: database.map(Mutex::new),
            redis: redis.map(Mutex::new),
            clock_skew,
        }
    }
}

impl Backend for Live {
    fn describe(&self) -> String {
        let state = match (&self.database, &self.redis) {
            (Some(_), Some(_)) => "rows and cache reset per scenario",
            (Some(_), None) => "rows reset per scenario, the cache not",
            (None, Some(_)) => "cache reset per scenario, rows not compared",
            (None, None) => "not reset, rows not compared",
        };
        format!("{} ({state})", self.client.base())
    }

    fn concurrency(&self) -> usize {
        if self.database.is_some() || self.redis.is_some() {
            1
        } else {
            usize::MAX
        }
    }

    fn begin<'a>(
        &'a self,
        _: &'a Scenario,
    ) -> BoxFuture<'a, Result<Box<dyn Session + 'a>, BackendError>> {
        Box::pin(async {
            let rows = match &self.database {
                None => None,
                Some(database) => {
                    let database = database.lock().await;
                    let capture = database.reset().await?;
                    Some((database, capture))
                }
            };
            let cache = match &self.redis {
                None => None,
                Some(redis) => {
                    let mut redis = redis.lock().await;
                    redis.reset().await?;
                    Some(redis)
                }
            };
            Ok(Box::new(LiveSession {
                client: &self.client,
                clock_skew: self.clock_skew,
                rows,
                cache,
            }) as Box<dyn Session>)
        })
    }

    fn seed_rows(&self) -> BoxFuture<'_, Result<Option<SeedRows>, DatabaseError>> {
        Box::pin(async {
            let Some(database) = &self.database else {
                return Ok(None);
            };
            let database = database.lock().await;
            database.reset().await?;
            database.seed_rows().await.map(Some)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(database) = &self.database {
                database.lock().await.close().await;
            }
            if let Some(redis) = &self.redis {
                redis.lock().await.close().await;
            }
        })
    }
}

struct LiveSession<'b> {
    client: &'b HttpClient,
    clock_skew: Duration,
    rows: Option<(MutexGuard<'b, TestDatabase>, RowCapture)>,
    cache: Option<MutexGuard<'b, TestRedis>>,
}

impl Session for LiveSession<'_> {
    fn answer<'a>(
        &'a mut self,
        step: &'a Step,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Answer, BackendError>> {
        Box::pin(async {
            let began = Utc::now();
            match (step.redis_flush_before, &mut self.cache) {
                (false, _) => {}
                (true, Some(redis)) => redis.reset().await?,
                (true, None) => {
                    return Err(BackendError::CannotAsk(
                        "the step needs an empty cache, and the Redis is not given".to_owned(),
                    ));
                }
            }
            match (&step.sql_before, &mut self.rows) {
                (None, _) => {}
                (Some(_), None) => {
                    return Err(BackendError::CannotAsk(
                        "the step runs SQL first, and the database is not given".to_owned(),
                    ));
                }
                (Some(sql), Some((database, capture))) => {
                    database
                        .prepare(sql)
                        .await
                        .map_err(|source| DatabaseError::SqlBefore {
                            scenario: step.scenario.clone(),
                            step: step.step,
                            source,
                        })?;
                    capture.skip().await?;
                }
            }
            let started = Instant::now();
            let response = self.client.send(request).await?;
            let latency = started.elapsed();
            let clock = Span {
                from: began - self.clock_skew,
                to: Utc::now() + self.clock_skew,
            };
            let effects = match &mut self.rows {
                Some((_, capture)) => Some(capture.take().await?),
                None => None,
            };
            let cache = match &mut self.cache {
                Some(redis) => Some(redis.take().await?),
                None => None,
            };
            Ok(Answer {
                observation: Observation { response, effects },
                cache,
                latency: Some(latency),
                clock: Some(clock),
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
