//! The tables that replicas share, and every statement on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use parity::{
    accounting::Accounting,
    cluster::{Group, Signature},
    verdict::RouteTest,
};
use sqlx::{
    PgPool, Row,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::outbox::Entry;
use crate::{config::sink::SinkConfig, stage::AuditLine};

/// Longest wait for a connection, and for a statement.
const PATIENCE: Duration = Duration::from_secs(3);

/// A run that was heard of since may live.
const LEAST_SILENCE: Duration = Duration::from_hours(24);

/// Why the sink cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("sink.url_env: the environment variable `{0}` is not set")]
    Variable(String),
    /// Without the text, which may hold a password.
    #[error("sink.url_env: what `{0}` holds is not the URL of a PostgreSQL database")]
    Url(String),
    #[error("the tables are not there or older than this build: run `shadow-proxy sink migrate`")]
    NotMigrated,
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    #[error("the database holds something that this build cannot read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(
        "a run has to be silent for a day at least: one that lives may lack the database for a while"
    )]
    MayLive,
}

impl SinkError {
    /// Whether the database took offence at the data: sent again, it would be refused again.
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        // Data exceptions, violated constraints, limits exceeded.
        let class = error
            .code()
            .and_then(|code| code.get(..2).map(str::to_owned));
        matches!(class.as_deref(), Some("22" | "23" | "54"))
    }
}

/// Why the tables were not made.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(
        "this is the database of a Django service (it has the table django_migrations): \
         give the sink a database of its own"
    )]
    ServiceDatabase,
    #[error("cannot make the tables: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store(PgPool);

/// Counts of one run that replace those before.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) run: Arc<str>,
    pub(super) replica: String,
    pub(super) question: String,
    pub(super) standing: String,
    pub(super) routes: Vec<(String, Accounting, RouteTest)>,
    pub(super) signatures: Vec<(Signature, Group)>,
}

/// A run that nobody has heard of for some time, and what hangs on it.
#[derive(Debug)]
pub struct SilentRun {
    pub run: String,
    pub replica: String,
    pub last_seen: DateTime<Utc>,
    pub routes: i64,
    pub signatures: i64,
    pub divergences: i64,
    /// Whether a run that was heard of since judges by the same question, and counts this one in.
    pub is_counted: bool,
}

/// What other runs found on the same question.
#[derive(Debug, Default)]
pub struct Others {
    /// Names of their replicas.
    pub replicas: BTreeSet<String>,
    pub counts: BTreeMap<String, Accounting>,
    pub tests: BTreeMap<String, RouteTest>,
    pub signatures: Vec<(Signature, Group)>,
}

impl Store {
    /// Connects on first use.
    ///
    /// # Errors
    /// When the variable with the URL is not set, or holds no URL.
    pub fn connect(config: &SinkConfig) -> Result<Self, SinkError> {
        let url = std::env::var(&config.url_env)
            .map_err(|_| SinkError::Variable(config.url_env.clone()))?;
        let options: PgConnectOptions = url
            .parse()
            .map_err(|_| SinkError::Url(config.url_env.clone()))?;
        // TLS to the database needs to know whose cryptography to use; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = PATIENCE.as_millis().to_string();
        let options = options
            .application_name("shadow-proxy")
            .options([("statement_timeout", timeout)]);
        let pool = PgPoolOptions::new()
            .max_connections(3)
            .acquire_timeout(PATIENCE);
        Ok(Self(pool.connect_lazy_with(options)))
    }

    /// Makes the tables, in a schema of their own, as far as they are not there yet.
    ///
    /// # Errors
    /// The database cannot be reached, or is the one of the service.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        let service = sqlx::query("SELECT to_regclass('public.django_migrations') IS NOT NULL");
        let row = service.fetch_one(&self.0).await.map_err(SinkError::from)?;
        if row.try_get(0).map_err(SinkError::from)? {
            return Err(MigrateError::ServiceDatabase);
        }
        Ok(migrator().run(&self.0).await?)
    }

    /// # Errors
    /// The database cannot be reached, or lacks tables.
    pub async fn check(&self) -> Result<(), SinkError> {
        let newest = migrator().iter().map(|one| one.version).max();
        let applied = sqlx::query("SELECT max(version) FROM shadow_proxy.migrations WHERE success")
            .fetch_one(&self.0)
            .await
            .map_err(without_tables)?;
        if applied.try_get::<Option<i64>, _>(0)? < newest {
            return Err(SinkError::NotMigrated);
        }
        Ok(())
    }

    /// Writes all of it or nothing. What was written before is not written a second time.
    pub(super) async fn write(
        &self,
        reports: &[Report],
        entries: &[Arc<Entry>],
        keep: u32,
    ) -> Result<(), SinkError> {
        let mut transaction = self.0.begin().await?;
        for report in reports {
            sqlx::query(
                "INSERT INTO shadow_proxy.run (run, replica, question, standing) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (run) DO UPDATE SET last_seen = now(), standing = excluded.standing",
            )
            .bind(&*report.run)
            .bind(&report.replica)
            .bind(&report.question)
            .bind(&report.standing)
            .execute(&mut *transaction)
            .await?;
            let (mut routes, mut counts, mut tests) = (Vec::new(), Vec::new(), Vec::new());
            for (route, count, test) in &report.routes {
                routes.push(route.as_str());
                counts.push(serde_json::to_string(count)?);
                tests.push(serde_json::to_string(test)?);
            }
            sqlx::query(
                "INSERT INTO shadow_proxy.route (run, route, counts, test)
                 SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])
                 ON CONFLICT (run, route) DO UPDATE SET counts = excluded.counts, test = excluded.test",
            )
            .bind(&*report.run)
            .bind(routes)
            .bind(counts)
            .bind(tests)
            .execute(&mut *transaction)
            .await?;
            let (mut ids, mut signatures, mut known) = (Vec::new(), Vec::new(), Vec::new());
            for (signature, group) in &report.signatures {
                ids.push(signature.id());
                signatures.push(serde_json::to_string(signature)?);
                known.push(serde_json::to_string(group)?);
            }
            sqlx::query(
                "INSERT INTO shadow_proxy.signature (run, id, signature, known)
                 SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])
                 ON CONFLICT (run, id) DO UPDATE SET known = excluded.known",
            )
            .bind(&*report.run)
            .bind(ids)
            .bind(signatures)
            .bind(known)
            .execute(&mut *transaction)
            .await?;
        }
        for entry in entries {
            sqlx::query(
                "INSERT INTO shadow_proxy.divergence (run, number, route, signatures, line)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            )
            .bind(&*entry.run)
            .bind(i64::try_from(entry.number).unwrap_or(i64::MAX))
            .bind(&entry.route)
            .bind(&entry.signatures)
            .bind(&entry.line)
            .execute(&mut *transaction)
            .await?;
        }
        if !entries.is_empty() {
            sqlx::query(
                "DELETE FROM shadow_proxy.divergence
                 WHERE entry <= (SELECT max(entry) FROM shadow_proxy.divergence) - $1",
            )
            .bind(i64::from(keep))
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// What runs other than `own` found on this question.
    pub(super) async fn others(&self, question: &str, own: &str) -> Result<Others, SinkError> {
        let mut others = Others::default();
        let rows = sqlx::query(
            "SELECT run.replica, route.route, route.counts, route.test
             FROM shadow_proxy.run JOIN shadow_proxy.route USING (run)
             WHERE run.question = $1 AND run.run <> $2",
        )
        .bind(question)
        .bind(own)
        .fetch_all(&self.0)
        .await?;
        for row in rows {
            let route: String = row.try_get("route")?;
            let counts: Accounting = serde_json::from_str(row.try_get("counts")?)?;
            let test: RouteTest = serde_json::from_str(row.try_get("test")?)?;
            others.replicas.insert(row.try_get("replica")?);
            others
                .counts
                .entry(route.clone())
                .or_default()
                .merge(&counts);
            others.tests.entry(route).or_default().merge(&test);
        }
        let rows = sqlx::query(
            "SELECT signature.signature, signature.known
             FROM shadow_proxy.run JOIN shadow_proxy.signature USING (run)
             WHERE run.question = $1 AND run.run <> $2",
        )
        .bind(question)
        .bind(own)
        .fetch_all(&self.0)
        .await?;
        for row in rows {
            let signature = serde_json::from_str(row.try_get("signature")?)?;
            let known = serde_json::from_str(row.try_get("known")?)?;
            others.signatures.push((signature, known));
        }
        Ok(others)
    }

    /// The latest divergences of all replicas on a question, newest first, as names and lines of
    /// the journal: of one route, with one of these signatures, or whatever they are.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn divergences(
        &self,
        question: &str,
        route: Option<&str>,
        signatures: Option<&[String]>,
        limit: usize,
    ) -> Result<Vec<(String, serde_json::Value)>, SinkError> {
        let rows = sqlx::query(
            "SELECT run || '-' || number AS id, line
             FROM shadow_proxy.divergence JOIN shadow_proxy.run USING (run)
             WHERE question = $1 AND ($2::text IS NULL OR route = $2)
               AND ($3::text[] IS NULL OR signatures && $3)
             ORDER BY entry DESC LIMIT $4",
        )
        .bind(question)
        .bind(route)
        .bind(signatures)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.0)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok((
                    row.try_get("id")?,
                    serde_json::from_str(row.try_get("line")?)?,
                ))
            })
            .collect()
    }

    /// Runs last heard of longer ago than this, oldest first.
    ///
    /// # Errors
    /// The database cannot be reached, or the time is shorter than a day.
    pub async fn silent_runs(&self, older_than: Duration) -> Result<Vec<SilentRun>, SinkError> {
        let rows = sqlx::query(
            "SELECT run, replica, last_seen,
                 (SELECT count(*) FROM shadow_proxy.route WHERE route.run = silent.run) AS routes,
                 (SELECT count(*) FROM shadow_proxy.signature WHERE signature.run = silent.run) AS signatures,
                 (SELECT count(*) FROM shadow_proxy.divergence WHERE divergence.run = silent.run) AS divergences,
                 EXISTS (SELECT FROM shadow_proxy.run heard
                         WHERE heard.question = silent.question AND heard.last_seen >= $1) AS is_counted
             FROM shadow_proxy.run silent WHERE last_seen < $1 ORDER BY last_seen",
        )
        .bind(silent_since(older_than)?)
        .fetch_all(&self.0)
        .await
        .map_err(without_tables)?;
        rows.into_iter()
            .map(|row| {
                Ok(SilentRun {
                    run: row.try_get("run")?,
                    replica: row.try_get("replica")?,
                    last_seen: row.try_get("last_seen")?,
                    routes: row.try_get("routes")?,
                    signatures: row.try_get("signatures")?,
                    divergences: row.try_get("divergences")?,
                    is_counted: row.try_get("is_counted")?,
                })
            })
            .collect()
    }

    /// Removes a run and what hangs on it; says whether it was there and still silent.
    ///
    /// # Errors
    /// The database cannot be reached, or the time is shorter than a day.
    pub async fn remove(&self, run: &str, older_than: Duration) -> Result<bool, SinkError> {
        let removed = sqlx::query("DELETE FROM shadow_proxy.run WHERE run = $1 AND last_seen < $2")
            .bind(run)
            .bind(silent_since(older_than)?)
            .execute(&self.0)
            .await?;
        Ok(removed.rows_affected() == 1)
    }

    /// Makes a change of stage known to all replicas.
    pub(super) async fn publish(&self, run: &str, line: &AuditLine) -> Result<(), SinkError> {
        let mut transaction = self.0.begin().await?;
        // One after the other: a number that is seen means that every lower one can be seen.
        sqlx::query("LOCK TABLE shadow_proxy.stage_change IN SHARE ROW EXCLUSIVE MODE")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO shadow_proxy.stage_change (run, line) VALUES ($1, $2)")
            .bind(run)
            .bind(serde_json::to_string(line)?)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// The latest change of stage beyond this number: its own number, its run, and what it was.
    pub(super) async fn latest_change(
        &self,
        beyond: i64,
    ) -> Result<Option<(i64, String, AuditLine)>, SinkError> {
        let row = sqlx::query(
            "SELECT number, run, line FROM shadow_proxy.stage_change
             WHERE number > $1 ORDER BY number DESC LIMIT 1",
        )
        .bind(beyond)
        .fetch_optional(&self.0)
        .await
        .map_err(without_tables)?;
        let Some(row) = row else { return Ok(None) };
        let line = serde_json::from_str(row.try_get("line")?)?;
        Ok(Some((row.try_get("number")?, row.try_get("run")?, line)))
    }
}

/// When a run has to have fallen silent to be removed. A run that lives writes only what changed, and
/// would not write again what was removed.
fn silent_since(older_than: Duration) -> Result<DateTime<Utc>, SinkError> {
    if older_than < LEAST_SILENCE {
        return Err(SinkError::MayLive);
    }
    let ago = TimeDelta::from_std(older_than).ok();
    // Before all time, nothing is older.
    let since = ago.and_then(|ago| Utc::now().checked_sub_signed(ago));
    Ok(since.unwrap_or(DateTime::UNIX_EPOCH))
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.dangerous_set_table_name("shadow_proxy.migrations");
    migrator.create_schema("shadow_proxy");
    migrator
}

/// A table or schema that is not there means that nobody made them.
fn without_tables(error: sqlx::Error) -> SinkError {
    match &error {
        sqlx::Error::Database(cause)
            if matches!(cause.code().as_deref(), Some("42P01" | "3F000")) =>
        {
            SinkError::NotMigrated
        }
        _ => error.into(),
    }
}
