//! One stage for all replicas.
//!
//! A change holds at once on the replica it was made on, and is then made known; the others look for
//! changes four times a second. Changes have one order, that of the database, and the last one
//! holds. A replica whose change could not be made known keeps it and follows nobody until it could
//! make one known: whoever switched it off by hand while the database was away finds it off.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::store::{SinkError, Store};
use crate::stage::{AuditLine, Stage};

/// How often changes of others are looked for.
const EVERY: Duration = Duration::from_millis(250);

/// Longest wait until a change is known to all.
const PATIENCE: Duration = Duration::from_secs(2);

struct Follower {
    store: Store,
    stage: Arc<Stage>,
    /// Stands for this replica.
    name: String,
    /// Number of the last change that was seen; `None` before the first look.
    seen: Option<i64>,
    attached: bool,
    reachable: bool,
}

/// Makes changes known and follows those of others until `stop`.
pub(super) async fn run(store: Store, stage: Arc<Stage>, stop: CancellationToken) {
    let mut own = stage.share();
    let mut follower = Follower {
        store,
        stage,
        name: format!("{:016x}", rand::random::<u64>()),
        seen: None,
        attached: true,
        reachable: true,
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(change) = own.recv() => follower.publish(&change).await,
            () = tokio::time::sleep(EVERY) => follower.follow().await,
        }
    }
}

impl Follower {
    async fn publish(&mut self, change: &AuditLine) {
        let published = timeout(PATIENCE, self.store.publish(&self.name, change)).await;
        self.attached = matches!(published, Ok(Ok(())));
        self.stage.shared(self.attached);
        if !self.attached {
            tracing::error!(
                "the change of stage holds on this replica alone: the sink does not answer"
            );
        }
    }

    async fn follow(&mut self) {
        let number = self.stage.number();
        let found = timeout(PATIENCE, self.store.latest_change(self.seen.unwrap_or(0))).await;
        let found = found.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()));
        let reachable = found.is_ok();
        if let Err(error) = &found
            && std::mem::replace(&mut self.reachable, reachable)
            && !matches!(error, SinkError::NotMigrated)
        {
            tracing::error!(%error, "changes of stage on other replicas are not seen");
        }
        self.reachable = reachable;
        let Ok(found) = found else { return };
        let first_look = self.seen.is_none();
        let Some((change, by, line)) = found else {
            self.seen.get_or_insert(0);
            return;
        };
        let foreign = by != self.name;
        // What this replica was told itself after that, or kept over a restart, is newer.
        let is_newer = !first_look || self.stage.is_older_than(&line);
        if self.attached && foreign && is_newer && !self.stage.adopt(number, &line) {
            // Changed here meanwhile: that change has to be made known first.
            return;
        }
        self.seen = Some(change);
    }
}
