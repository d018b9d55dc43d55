//! What became of every request: nothing that was seen may go missing.
//!
//! A [`Ticket`] is drawn when a request arrives and settled exactly once, at the latest when it is
//! dropped; `seen` and the fate are counted in one step, so the identity holds at every instant,
//! not only at rest.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use parity::{accounting::Accounting, outcome::Outcome};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What can become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    SampledOut,
    Declined(&'static str),
    Dropped(&'static str),
    TimedOut,
    Errored(&'static str),
    NotComparable(&'static str),
    Compared(Outcome),
}

impl Fate {
    /// Name in the identity, and the reason within it.
    pub fn label(self) -> (&'static str, &'static str) {
        match self {
            Self::SampledOut => ("sampled_out", "rate"),
            Self::Declined(reason) => ("declined", reason),
            Self::Dropped(reason) => ("dropped", reason),
            Self::TimedOut => ("timed_out", "deadline"),
            Self::Errored(reason) => ("errored", reason),
            Self::NotComparable(reason) => ("not_comparable", reason),
            Self::Compared(Outcome::Match) => ("compared", "match"),
            Self::Compared(Outcome::Tolerated) => ("compared", "tolerated"),
            Self::Compared(Outcome::Diverged) => ("compared", "diverged"),
            Self::Compared(Outcome::NotComparable) => ("not_comparable", "by_rule"),
        }
    }
}

/// Counts of one route.
#[derive(Debug, Clone, Default)]
pub struct RouteAccount {
    pub totals: Accounting,
    /// Counts by name in the identity and reason.
    pub reasons: BTreeMap<(&'static str, &'static str), u64>,
}

impl RouteAccount {
    fn add(&mut self, fate: Fate) {
        let totals = &mut self.totals;
        totals.seen += 1;
        let counter = match fate {
            Fate::SampledOut => &mut totals.sampled_out,
            Fate::Declined(_) => &mut totals.declined,
            Fate::Dropped(_) => &mut totals.dropped,
            Fate::TimedOut => &mut totals.timed_out,
            Fate::Errored(_) => &mut totals.errored,
            Fate::NotComparable(_) | Fate::Compared(Outcome::NotComparable) => {
                &mut totals.not_comparable
            }
            Fate::Compared(_) => &mut totals.compared,
        };
        *counter += 1;
        match fate {
            Fate::Compared(Outcome::Match) => totals.matched += 1,
            Fate::Compared(Outcome::Tolerated) => totals.tolerated += 1,
            Fate::Compared(Outcome::Diverged) => totals.diverged += 1,
            _ => {}
        }
        *self.reasons.entry(fate.label()).or_default() += 1;
    }
}

/// The counts of all routes.
#[derive(Debug, Default)]
pub struct Accounts {
    routes: Mutex<BTreeMap<Arc<str>, RouteAccount>>,
    open: AtomicI64,
    at_rest: Notify,
}

impl Accounts {
    /// A ticket for a request that arrived.
    pub fn ticket(self: &Arc<Self>, route: Arc<str>) -> Ticket {
        self.open.fetch_add(1, Ordering::Relaxed);
        Ticket {
            accounts: Arc::clone(self),
            route,
            fate: None,
        }
    }

    /// Requests that arrived and whose fate is open.
    pub fn open(&self) -> i64 {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until no fate is open.
    pub async fn settled(&self) {
        loop {
            let at_rest = self.at_rest.notified();
            if self.open() == 0 {
                return;
            }
            at_rest.await;
        }
    }

    /// Counts by route, taken at one instant.
    pub fn by_route(&self) -> BTreeMap<Arc<str>, RouteAccount> {
        self.routes.lock().clone()
    }

    /// Counts over all routes, taken at one instant.
    pub fn totals(&self) -> Accounting {
        let routes = self.routes.lock();
        routes.values().fold(Accounting::default(), |sum, route| {
            let add = &route.totals;
            Accounting {
                seen: sum.seen + add.seen,
                sampled_out: sum.sampled_out + add.sampled_out,
                declined: sum.declined + add.declined,
                dropped: sum.dropped + add.dropped,
                timed_out: sum.timed_out + add.timed_out,
                errored: sum.errored + add.errored,
                not_comparable: sum.not_comparable + add.not_comparable,
                compared: sum.compared + add.compared,
                matched: sum.matched + add.matched,
                tolerated: sum.tolerated + add.tolerated,
                diverged: sum.diverged + add.diverged,
            }
        })
    }
}

/// One request's place in the accounts.
#[derive(Debug)]
pub struct Ticket {
    accounts: Arc<Accounts>,
    route: Arc<str>,
    fate: Option<Fate>,
}

impl Ticket {
    pub fn route(&self) -> &Arc<str> {
        &self.route
    }

    /// Says what became of the request.
    pub fn settle(mut self, fate: Fate) {
        self.fate = Some(fate);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Dropped without a word: the request's task was given up because its client went away,
        // or because the proxy stopped.
        let fate = self.fate.unwrap_or(Fate::NotComparable("abandoned"));
        let mut routes = self.accounts.routes.lock();
        routes.entry(Arc::clone(&self.route)).or_default().add(fate);
        drop(routes);
        if self.accounts.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.accounts.at_rest.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fates() -> impl Strategy<Value = Option<Fate>> {
        prop_oneof![
            Just(None),
            Just(Some(Fate::SampledOut)),
            Just(Some(Fate::Declined("write_policy"))),
            Just(Some(Fate::Dropped("queue_full"))),
            Just(Some(Fate::TimedOut)),
            Just(Some(Fate::Errored("closed"))),
            Just(Some(Fate::NotComparable("client_aborted"))),
            Just(Some(Fate::Compared(Outcome::Match))),
            Just(Some(Fate::Compared(Outcome::Tolerated))),
            Just(Some(Fate::Compared(Outcome::Diverged))),
            Just(Some(Fate::Compared(Outcome::NotComparable))),
        ]
    }

    proptest! {
        #[test]
        fn the_identity_holds_after_every_step(steps in prop::collection::vec((0..3_u8, fates()), 0..200)) {
            let accounts = Arc::new(Accounts::default());
            for (seen, (route, fate)) in steps.iter().enumerate() {
                let ticket = accounts.ticket(format!("r{route}").into());
                prop_assert_eq!(accounts.totals().seen, seen as u64);
                match fate {
                    Some(fate) => ticket.settle(*fate),
                    None => drop(ticket),
                }
                prop_assert!(accounts.totals().is_balanced());
            }
            prop_assert_eq!(accounts.totals().seen, steps.len() as u64);
            prop_assert_eq!(accounts.open(), 0);
            for account in accounts.by_route().values() {
                prop_assert!(account.totals.is_balanced());
                prop_assert_eq!(account.reasons.values().sum::<u64>(), account.totals.seen);
            }
        }
    }
}
