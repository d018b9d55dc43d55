//! The cutover ladder: who serves, who is mirrored, and the way back.

mod file;
mod window;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use self::window::Window;
pub use self::{
    file::StateError,
    window::{Reason, Sign},
};
use crate::{
    config::StageConfig,
    config::operation::Rung,
    sampling::{self, Purpose},
};

/// Audit lines kept; older ones are in the log alone.
const AUDIT_LINES: usize = 1000;

/// One of the two backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Reference,
    Candidate,
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Reference => Self::Candidate,
            Self::Candidate => Self::Reference,
        }
    }

    /// Name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Candidate => "candidate",
        }
    }
}

/// Where on the ladder the proxy stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub stage: Rung,
    /// Share served by the candidate on the canary rung, in percent.
    pub canary_percent: f64,
}

impl Standing {
    /// Who answers a request with this sticky key.
    pub fn server(self, sticky_key: Option<&str>) -> Side {
        match self.stage {
            Rung::Off | Rung::Shadow => Side::Reference,
            Rung::Cutover | Rung::ReverseShadow => Side::Candidate,
            Rung::Canary => {
                let share = self.canary_percent / 100.0;
                if sampling::is_in(share, Purpose::Canary, sticky_key) {
                    Side::Candidate
                } else {
                    Side::Reference
                }
            }
        }
    }

    /// Whether the side that does not serve is asked too.
    pub fn mirrors(self, server: Side) -> bool {
        match self.stage {
            Rung::Off | Rung::Cutover => false,
            Rung::Shadow | Rung::Canary => server == Side::Reference,
            Rung::ReverseShadow => server == Side::Candidate,
        }
    }

    /// Whether users depend on the candidate.
    fn is_exposed(self) -> bool {
        matches!(
            self.stage,
            Rung::Canary | Rung::Cutover | Rung::ReverseShadow
        )
    }
}

/// One change of stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditLine {
    /// RFC 3339, UTC.
    pub at: String,
    pub actor: String,
    pub reason: String,
    pub from: Standing,
    pub to: Standing,
}

/// The stage in force.
#[derive(Debug)]
pub struct Stage {
    standing: RwLock<Standing>,
    number: AtomicU64,
    audit: Mutex<Vec<AuditLine>>,
    window: Mutex<Window>,
    state_file: Option<PathBuf>,
    step_backs: Mutex<BTreeMap<&'static str, u64>>,
    sharing: Mutex<Option<Sharing>>,
}

/// Makes changes known to other replicas.
#[derive(Debug)]
struct Sharing {
    changes: mpsc::UnboundedSender<AuditLine>,
    /// How many changes were told to others, or could not be; and whether the last one was.
    told: watch::Sender<(u64, bool)>,
    made: u64,
}

impl Stage {
    /// The stage the last run left, or the configured first one.
    ///
    /// # Errors
    /// When the state file is there but cannot be used.
    pub fn new(config: &StageConfig) -> Result<Self, StateError> {
        let kept = match &config.state_file {
            Some(path) => file::read(path)?,
            None => None,
        };
        let (standing, audit) = match kept {
            Some(kept) => (kept.standing, kept.audit),
            None => (
                Standing {
                    stage: config.initial,
                    canary_percent: config.canary_percent,
                },
                Vec::new(),
            ),
        };
        Ok(Self {
            standing: RwLock::new(standing),
            number: AtomicU64::new(0),
            audit: Mutex::new(audit),
            window: Mutex::new(Window::new(&config.step_back)),
            state_file: config.state_file.clone(),
            step_backs: Mutex::default(),
            sharing: Mutex::default(),
        })
    }

    pub fn standing(&self) -> Standing {
        *self.standing.read()
    }

    /// Counts changes of stage: two requests with the same number began in the same stage.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Changes of stage, newest last.
    pub fn audit(&self) -> Vec<AuditLine> {
        self.audit.lock().clone()
    }

    /// How often the stage fell back by itself, by reason.
    pub fn step_backs(&self) -> BTreeMap<&'static str, u64> {
        self.step_backs.lock().clone()
    }

    /// Puts a stage in force at once; requests that have begun stay where they are. The change
    /// holds whatever happens to the disk.
    ///
    /// # Errors
    /// When it could not be kept: a restart would come back in the stage before.
    pub fn change(&self, to: Standing, actor: &str, reason: &str) -> std::io::Result<()> {
        let mut audit = self.audit.lock();
        let line = AuditLine {
            at: chrono::Utc::now().to_rfc3339(),
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            from: self.standing(),
            to,
        };
        if let Some(sharing) = self.sharing.lock().as_mut() {
            sharing.made += 1;
            // Nobody listens any more when the proxy stops.
            let _ = sharing.changes.send(line.clone());
        }
        self.put_in_force(&mut audit, line)
    }

    fn put_in_force(&self, audit: &mut Vec<AuditLine>, line: AuditLine) -> std::io::Result<()> {
        let to = line.to;
        *self.standing.write() = to;
        self.number.fetch_add(1, Ordering::AcqRel);
        self.window.lock().clear();
        let AuditLine {
            actor,
            reason,
            from,
            ..
        } = &line;
        tracing::warn!(?from, ?to, actor, reason, "the stage changed");
        audit.push(line);
        let excess = audit.len().saturating_sub(AUDIT_LINES);
        audit.drain(..excess);
        match &self.state_file {
            Some(path) => file::write(path, to, audit).inspect_err(
                |error| tracing::error!(%error, "the stage could not be kept for a restart"),
            ),
            None => Ok(()),
        }
    }

    /// From now on, every change made here is also put into what is returned.
    pub fn share(&self) -> mpsc::UnboundedReceiver<AuditLine> {
        let (changes, received) = mpsc::unbounded_channel();
        *self.sharing.lock() = Some(Sharing {
            changes,
            told: watch::Sender::new((0, true)),
            made: 0,
        });
        received
    }

    /// The next change made here was made known to other replicas, or could not be.
    pub fn shared(&self, known: bool) {
        if let Some(sharing) = self.sharing.lock().as_ref() {
            sharing.told.send_modify(|(told, last)| {
                *told += 1;
                *last = known;
            });
        }
    }

    /// Waits until every change made here so far was made known to other replicas, or could not
    /// be. `None`: changes are not shared.
    pub async fn is_shared(&self) -> Option<bool> {
        let (made, mut told) = {
            let sharing = self.sharing.lock();
            let sharing = sharing.as_ref()?;
            (sharing.made, sharing.told.subscribe())
        };
        let reached = told.wait_for(|(told, _)| *told >= made).await;
        Some(reached.is_ok_and(|told| told.1))
    }

    /// Whether another replica's change came after the last one known here.
    pub fn is_older_than(&self, change: &AuditLine) -> bool {
        let audit = self.audit.lock();
        let at = |line: &AuditLine| chrono::DateTime::parse_from_rfc3339(&line.at).ok();
        audit.last().is_none_or(|last| at(last) < at(change))
    }

    /// Puts another replica's change in force, unless the stage changed here since it had this
    /// number; says whether it did not.
    pub fn adopt(&self, number: u64, change: &AuditLine) -> bool {
        let mut audit = self.audit.lock();
        if self.number() != number {
            return false;
        }
        let line = AuditLine {
            from: self.standing(),
            ..change.clone()
        };
        // That the disk failed is in the log; the stage has changed all the same.
        let _ = self.put_in_force(&mut audit, line);
        true
    }

    /// Everything to the reference, nothing mirrored, from the next request on.
    ///
    /// # Errors
    /// As [`Stage::change`].
    pub fn kill(&self, actor: &str, reason: &str) -> std::io::Result<()> {
        let off = Standing {
            stage: Rung::Off,
            ..self.standing()
        };
        self.change(off, actor, reason)
    }

    /// Takes note of how the candidate does; falls back to `shadow` when a limit is crossed while
    /// users depend on it.
    pub fn observe(&self, sign: Sign) {
        let standing = self.standing();
        if !standing.is_exposed() {
            return;
        }
        let crossed = self.window.lock().observe(sign, Instant::now());
        let Some(reason) = crossed else { return };
        *self.step_backs.lock().entry(reason.name()).or_default() += 1;
        let back = Standing {
            stage: Rung::Shadow,
            ..standing
        };
        // That the disk failed is in the log; the stage has changed all the same.
        let _ = self.change(back, "step-back", reason.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(directory: &std::path::Path) -> StageConfig {
        StageConfig {
            state_file: Some(directory.join("stage.json")),
            ..StageConfig::default()
        }
    }

    fn canary(percent: f64) -> Standing {
        Standing {
            stage: Rung::Canary,
            canary_percent: percent,
        }
    }

    #[test]
    fn a_stage_survives_a_restart_with_its_history() {
        let directory = tempfile::tempdir().unwrap();
        let stage = Stage::new(&config(directory.path())).unwrap();
        stage.change(canary(5.0), "ann", "all routes pass").unwrap();
        let again = Stage::new(&config(directory.path())).unwrap();
        assert_eq!(again.standing(), canary(5.0));
        assert_eq!(again.audit(), stage.audit());
        assert_eq!(again.audit()[0].actor, "ann");
    }

    #[test]
    fn a_state_file_nobody_understands_stops_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        std::fs::write(config.state_file.as_ref().unwrap(), "{\"version\": 1").unwrap();
        let error = Stage::new(&config).unwrap_err().to_string();
        assert!(error.contains("stage.initial"), "{error}");
    }

    #[test]
    fn failures_lead_back_to_shadow_only_while_users_depend_on_the_candidate() {
        let stage = Stage::new(&StageConfig::default()).unwrap();
        for _ in 0..1000 {
            stage.observe(Sign::Diverged);
        }
        assert!(stage.audit().is_empty());
        stage.change(canary(10.0), "ann", "go").unwrap();
        for _ in 0..1000 {
            stage.observe(Sign::Failed);
        }
        assert_eq!(stage.standing().stage, Rung::Shadow);
        assert_eq!(stage.step_backs(), BTreeMap::from([("error_rate", 1)]));
        assert_eq!(stage.audit().len(), 2);
    }

    #[test]
    fn a_stage_holds_even_when_it_cannot_be_kept() {
        let stage = Stage::new(&StageConfig {
            state_file: Some("/nonexistent/directory/stage.json".into()),
            ..StageConfig::default()
        })
        .unwrap();
        assert!(stage.kill("ann", "fire").is_err());
        assert_eq!(stage.standing().stage, Rung::Off);
    }
}
