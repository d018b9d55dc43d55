//! The accounting identity: nothing that was seen may go missing.

use serde::{Deserialize, Serialize};

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
