//! Faults that a wrong candidate might have, each put into one recorded step.

mod answers;
mod edit;
mod rows;

use parity::{compare::Observation, fixture::Step};

/// One way to be wrong.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Changes what the candidate did; says whether the step has anything to change.
    change: fn(&mut Observation, &Step) -> bool,
}

impl Fault {
    /// What a candidate with this fault does in a step; `None` when it does what the reference
    /// does.
    pub(crate) fn seed(&self, step: &Step) -> Option<Observation> {
        let mut candidate = Observation {
            response: step.response.clone(),
            effects: step.effects.clone(),
        };
        self.also(&mut candidate, step).then_some(candidate)
    }

    /// Adds this fault to what a candidate did; says whether there was anything to change.
    pub(crate) fn also(&self, candidate: &mut Observation, step: &Step) -> bool {
        (self.change)(candidate, step)
    }
}

/// All faults, over all layers of an answer and its rows.
pub(crate) fn all() -> Vec<Fault> {
    [answers::ENVELOPE, answers::BODY, rows::ROWS]
        .concat()
        .into_iter()
        .map(|(name, change)| Fault { name, change })
        .collect()
}

type Entry = (&'static str, fn(&mut Observation, &Step) -> bool);
