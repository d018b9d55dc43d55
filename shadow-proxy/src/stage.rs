//! The cutover ladder: who serves, who is mirrored, and the way back.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::{
    config::StageConfig,
    config::operation::Rung,
    sampling::{self, Purpose},
};

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

/// The stage in force.
#[derive(Debug)]
pub struct Stage {
    standing: RwLock<Standing>,
    number: AtomicU64,
}

impl Stage {
    pub fn new(config: &StageConfig) -> Self {
        Self {
            standing: RwLock::new(Standing {
                stage: config.initial,
                canary_percent: config.canary_percent,
            }),
            number: AtomicU64::new(0),
        }
    }

    pub fn standing(&self) -> Standing {
        *self.standing.read()
    }

    /// Counts changes of stage: two requests with the same number began in the same stage.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Puts a stage in force; requests that have begun stay where they are.
    pub fn set(&self, standing: Standing) {
        *self.standing.write() = standing;
        self.number.fetch_add(1, Ordering::AcqRel);
    }
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
}
