//! Divergences that the ledger accepts, over one run.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use parity::ledger::{Audit, Ledger, Occurrences};

use super::{Played, StepResult};

/// Applies a ledger to what was played and remembers which entries were needed.
#[derive(Debug)]
pub struct Acceptance {
    ledger: Ledger,
    occurrences: Occurrences,
    /// Entries whose own fixture was compared in every step, and so could have shown them.
    shown: BTreeSet<String>,
}

impl Acceptance {
    pub fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            occurrences: Occurrences::default(),
            shown: BTreeSet::new(),
        }
    }

    /// Moves what the ledger accepts from diverged to tolerated.
    pub fn apply(&mut self, played: &mut Played) {
        let mut complete = true;
        for step in &mut played.steps {
            match &mut step.result {
                StepResult::Compared(compared) => self.ledger.apply(
                    &step.route,
                    &compared.request,
                    &mut compared.comparison,
                    &mut self.occurrences,
                ),
                StepResult::LeftOut(..) => complete = false,
            }
        }
        if complete {
            let shown = self.ledger.entries().filter(|entry| {
                let scenario = entry.fixture.split_once('/').map(|(_, scenario)| scenario);
                scenario == Some(played.scenario.name.as_str())
            });
            self.shown.extend(shown.map(|entry| entry.id.clone()));
        }
    }

    /// Entries past their expiry, and those whose own fixture was played and did not need them.
    /// An entry of another corpus could not have occurred and is not called gone.
    pub fn audit(&self, today: NaiveDate) -> Audit {
        let mut audit = self.ledger.audit(&self.occurrences, today);
        audit.gone.retain(|id| self.shown.contains(id));
        audit
    }
}
