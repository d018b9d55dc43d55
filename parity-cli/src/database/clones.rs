//! Clones of a template database, made ahead of use and dropped behind it.

use std::sync::atomic::{AtomicU64, Ordering};

use scorer::embedded::Postgres;
use sqlx::{
    AssertSqlSafe, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

use super::{DatabaseError, fresh::connect};

/// Connections of one service under test.
const POOL_SIZE: u32 = 4;
/// PostgreSQL 15 copies by way of the log unless told otherwise, which takes three times as long.
const FIRST_WITH_STRATEGY: i32 = 150_000;

/// Databases on a server of which this run owns the names.
#[derive(Debug)]
pub(super) struct Clones {
    connect: PgConnectOptions,
    template: String,
    ready: Mutex<Option<mpsc::Receiver<Result<String, sqlx::Error>>>>,
    ahead: usize,
    dropper: Dropper,
}

/// A clone in use; dropped behind our back when this is.
#[derive(Debug)]
pub(super) struct Clone {
    connect: PgConnectOptions,
    name: String,
    drop: mpsc::UnboundedSender<String>,
}

#[derive(Debug)]
struct Dropper {
    names: mpsc::UnboundedSender<String>,
    task: JoinHandle<()>,
}

impl Clones {
    /// An empty template on this server.
    pub(super) async fn create(postgres: &Postgres, ahead: usize) -> Result<Self, DatabaseError> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let connect_options = postgres.connect_options().clone();
        let template = format!(
            "parity_replay_{}_{}",
            std::process::id(),
            RUNS.fetch_add(1, Ordering::Relaxed)
        );
        let mut connection = connect(&connect_options).await?;
        execute(
            &mut connection,
            format!("DROP DATABASE IF EXISTS {template}"),
        )
        .await
        .map_err(DatabaseError::query(
            "dropping an earlier template database",
        ))?;
        execute(&mut connection, format!("CREATE DATABASE {template}"))
            .await
            .map_err(DatabaseError::query("creating the template database"))?;
        Ok(Self {
            dropper: Dropper::start(connection),
            connect: connect_options,
            template,
            ready: Mutex::new(None),
            ahead: ahead.max(1),
        })
    }

    /// Connections to the template. They have to be closed before the first clone is taken.
    pub(super) fn template_pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(self.connect.clone().database(&self.template))
    }

    /// A clone nobody has used.
    pub(super) async fn take(&self) -> Result<Clone, DatabaseError> {
        let doing = "cloning the template database";
        let mut ready = self.ready.lock().await;
        let receiver = match &mut *ready {
            Some(receiver) => receiver,
            empty => {
                let connection = connect(&self.connect).await?;
                empty.insert(make(connection, self.template.clone(), self.ahead))
            }
        };
        let name = receiver
            .recv()
            .await
            .unwrap_or(Err(sqlx::Error::WorkerCrashed))
            .map_err(DatabaseError::query(doing))?;
        Ok(Clone {
            connect: self.connect.clone(),
            name,
            drop: self.dropper.names.clone(),
        })
    }

    /// Drops the template and every clone.
    pub(super) async fn close(self) {
        if let Some(mut ready) = self.ready.into_inner() {
            ready.close();
            while let Some(made) = ready.recv().await {
                // What was not made need not be dropped; a closed channel means nobody drops.
                let _ = made.map(|name| self.dropper.names.send(name));
            }
        }
        let _ = self.dropper.names.send(self.template);
        drop(self.dropper.names);
        if let Err(error) = self.dropper.task.await {
            tracing::warn!(%error, "databases of this run may be left behind");
        }
    }
}

impl Clone {
    pub(super) fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(POOL_SIZE)
            .test_before_acquire(false)
            .connect_lazy_with(self.connect.clone().database(&self.name))
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        // Without a dropper the server itself is about to end.
        let _ = self.drop.send(std::mem::take(&mut self.name));
    }
}

impl Dropper {
    /// Drops databases one after the other until nobody can name one any more.
    fn start(mut connection: PgConnection) -> Self {
        let (names, mut queue) = mpsc::unbounded_channel::<String>();
        let task = tokio::spawn(async move {
            while let Some(name) = queue.recv().await {
                let dropped = execute(
                    &mut connection,
                    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                )
                .await;
                if let Err(error) = dropped {
                    tracing::warn!(%error, database = name, "cannot drop a clone");
                }
            }
        });
        Self { names, task }
    }
}

/// Makes clones until nobody takes them, a few ahead.
fn make(
    mut connection: PgConnection,
    template: String,
    ahead: usize,
) -> mpsc::Receiver<Result<String, sqlx::Error>> {
    let (sender, receiver) = mpsc::channel(ahead);
    tokio::spawn(async move {
        let version: Result<i32, _> =
            sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
                .fetch_one(&mut connection)
                .await;
        let strategy = match version {
            Ok(version) if version >= FIRST_WITH_STRATEGY => " STRATEGY file_copy",
            _ => "",
        };
        for number in 0_u64.. {
            let Ok(place) = sender.reserve().await else {
                return;
            };
            let name = format!("{template}_{number}");
            let made = execute(
                &mut connection,
                format!("CREATE DATABASE {name} TEMPLATE {template}{strategy}"),
            )
            .await;
            let failed = made.is_err();
            place.send(made.map(|()| name));
            if failed {
                return;
            }
        }
    });
    receiver
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}
