//! One scoring of an address at a time within this process.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// Enough that two addresses rarely share one.
const STRIPES: usize = 1024;

/// Locks keyed by address. Two addresses may share a lock, and then wait for each other.
///
/// A lock is taken before a connection, never the other way round, and never a second one: hence
/// no deadlock, even with a single connection.
#[derive(Debug)]
pub(super) struct AddressLocks {
    stripes: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Default for AddressLocks {
    fn default() -> Self {
        AddressLocks {
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl AddressLocks {
    /// Waits until no other request holds the lock of this address.
    pub(super) async fn lock(&self, address: &str) -> MutexGuard<'_, ()> {
        // The remainder keeps the hash within the stripes.
        let stripe = self.hasher.hash_one(address) % self.stripes.len() as u64;
        self.stripes[stripe as usize].lock().await
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_address_waits_and_another_does_not() {
        let locks = Arc::new(AddressLocks::default());
        let held = locks.lock("0xa").await;
        let waiting = tokio::time::timeout(Duration::from_secs(1), locks.lock("0xa")).await;
        assert!(waiting.is_err());
        let others = (0..10).map(|number| format!("0xb{number}"));
        let mut free = 0;
        for other in others {
            let lock = tokio::time::timeout(Duration::from_secs(1), locks.lock(&other)).await;
            free += usize::from(lock.is_ok());
        }
        assert!(free > 0, "ten addresses do not all share one of many locks");
        drop(held);
        let again = tokio::time::timeout(Duration::from_secs(1), locks.lock("0xa")).await;
        assert!(again.is_ok());
    }
}
