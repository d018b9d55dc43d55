//! What goes wrong, and when: drawn from a seed.

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    Failure,
    programs::{Database, ProxyProgram, ScorerProgram},
    relay::{Relay, Wire},
};

/// How long a fault lasts.
const LASTS: Duration = Duration::from_secs(3);

/// Draws faults.
#[derive(Debug)]
pub(crate) struct Faults {
    random: StdRng,
    counts: BTreeMap<&'static str, u64>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed.wrapping_add(1)),
            counts: BTreeMap::new(),
        }
    }

    /// Lets one fault happen, or none, and mends it.
    pub(crate) async fn strike(
        &mut self,
        scorer: &mut ScorerProgram,
        proxy: &ProxyProgram,
        relay: &Relay,
        database: &Database,
    ) -> Result<(), Failure> {
        let name = match self.random.random_range(0..10) {
            0 => {
                scorer.kill().await;
                tokio::time::sleep(LASTS).await;
                scorer.resume().await?;
                "candidate killed and started again"
            }
            1 => {
                scorer.signal("STOP")?;
                tokio::time::sleep(LASTS).await;
                scorer.signal("CONT")?;
                "candidate stands still"
            }
            2 => {
                database.cut_connections().await?;
                "database connections of the candidate cut"
            }
            3 => {
                relay.set(Wire::Slow);
                tokio::time::sleep(LASTS).await;
                relay.set(Wire::Whole);
                "reference slow"
            }
            4 => {
                relay.set(Wire::Cut);
                tokio::time::sleep(LASTS).await;
                relay.set(Wire::Whole);
                "reference gone"
            }
            5 => {
                proxy.allow_files("0")?;
                tokio::time::sleep(LASTS).await;
                proxy.allow_files("unlimited")?;
                "disk of the journal full"
            }
            6 => {
                proxy.signal("HUP")?;
                "configuration read again"
            }
            _ => "none",
        };
        *self.counts.entry(name).or_default() += 1;
        Ok(())
    }

    /// Everything as it should be.
    pub(crate) async fn relent(
        &self,
        scorer: &mut ScorerProgram,
        proxy: &ProxyProgram,
        relay: &Relay,
    ) -> Result<(), Failure> {
        relay.set(Wire::Whole);
        proxy.allow_files("unlimited")?;
        scorer.signal("CONT")
    }

    pub(crate) fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }
}
