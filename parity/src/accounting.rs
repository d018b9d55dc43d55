//! The accounting identity: nothing that was seen may go missing.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// Counts of requests. Always
/// `seen = sampled_out + declined + dropped + timed_out + errored + not_comparable + compared` and
/// `compared = match + tolerated + diverged`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    pub seen: u64,
    /// Left out by the sampling rate.
    pub sampled_out: u64,
    /// Not mirrored on purpose: write policy, body over the cap, upgrade.
    pub declined: u64,
    /// Not mirrored for want of room: the queue was full or the breaker open.
    pub dropped: u64,
    /// The candidate did not answer within its deadline.
    pub timed_out: u64,
    /// The candidate could not be asked or broke off.
    pub errored: u64,
    pub not_comparable: u64,
    pub compared: u64,
    #[serde(rename = "match")]
    pub matched: u64,
    pub tolerated: u64,
    pub diverged: u64,
}

impl Accounting {
    /// Counts one compared pair, and that it was seen.
    pub fn observe(&mut self, outcome: Outcome) {
        self.seen += 1;
        match outcome {
            Outcome::NotComparable => {
                self.not_comparable += 1;
                return;
            }
            Outcome::Match => self.matched += 1,
            Outcome::Tolerated => self.tolerated += 1,
            Outcome::Diverged => self.diverged += 1,
        }
        self.compared += 1;
    }

    /// Adds another replica's counts.
    pub fn merge(&mut self, other: &Self) {
        self.seen += other.seen;
        self.sampled_out += other.sampled_out;
        self.declined += other.declined;
        self.dropped += other.dropped;
        self.timed_out += other.timed_out;
        self.errored += other.errored;
        self.not_comparable += other.not_comparable;
        self.compared += other.compared;
        self.matched += other.matched;
        self.tolerated += other.tolerated;
        self.diverged += other.diverged;
    }

    /// Takes away what had been counted `before`.
    pub fn subtract(&mut self, before: &Self) {
        self.seen -= before.seen;
        self.sampled_out -= before.sampled_out;
        self.declined -= before.declined;
        self.dropped -= before.dropped;
        self.timed_out -= before.timed_out;
        self.errored -= before.errored;
        self.not_comparable -= before.not_comparable;
        self.compared -= before.compared;
        self.matched -= before.matched;
        self.tolerated -= before.tolerated;
        self.diverged -= before.diverged;
    }

    /// Whether both identities hold.
    pub fn is_balanced(&self) -> bool {
        self.seen
            == self.sampled_out
                + self.declined
                + self.dropped
                + self.timed_out
                + self.errored
                + self.not_comparable
                + self.compared
            && self.compared == self.matched + self.tolerated + self.diverged
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn any_parts()(parts in prop::array::uniform9(0_u64..1 << 40)) -> [u64; 9] {
            parts
        }
    }

    fn balanced(parts: [u64; 9]) -> Accounting {
        let [
            sampled_out,
            declined,
            dropped,
            timed_out,
            errored,
            not_comparable,
            matched,
            tolerated,
            diverged,
        ] = parts;
        Accounting {
            seen: parts.iter().sum(),
            sampled_out,
            declined,
            dropped,
            timed_out,
            errored,
            not_comparable,
            compared: matched + tolerated + diverged,
            matched,
            tolerated,
            diverged,
        }
    }

    proptest! {
        #[test]
        fn holds_when_every_request_is_counted_once(parts in any_parts()) {
            prop_assert!(balanced(parts).is_balanced());
        }

        #[test]
        fn any_single_lost_or_doubled_request_is_found(parts in any_parts(), which in 0_usize..11, lost: bool) {
            let mut counts = balanced(parts);
            let fields = [
                &mut counts.seen,
                &mut counts.sampled_out,
                &mut counts.declined,
                &mut counts.dropped,
                &mut counts.timed_out,
                &mut counts.errored,
                &mut counts.not_comparable,
                &mut counts.compared,
                &mut counts.matched,
                &mut counts.tolerated,
                &mut counts.diverged,
            ];
            for (i, field) in fields.into_iter().enumerate() {
                if i == which {
                    *field = if lost { field.saturating_sub(1) } else { *field + 1 };
                }
            }
            let changed = counts != balanced(parts);
            prop_assert_eq!(counts.is_balanced(), !changed);
        }

        #[test]
        fn replicas_add_up(left in any_parts(), right in any_parts()) {
            let mut sum = balanced(left);
            sum.merge(&balanced(right));
            prop_assert!(sum.is_balanced());
            prop_assert_eq!(sum.seen, balanced(left).seen + balanced(right).seen);
            sum.subtract(&balanced(left));
            prop_assert_eq!(sum, balanced(right));
        }
    }
}
