//! Divergences that wait to be written: bounded, and nobody waits to put one in.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

/// One divergence on its way to the database, without its secrets.
#[derive(Debug)]
pub struct Entry {
    pub run: Arc<str>,
    /// Within the run.
    pub number: u64,
    pub route: String,
    /// Names of its signatures.
    pub signatures: Vec<String>,
    /// The journal's line.
    pub line: String,
}

impl Entry {
    fn size(&self) -> usize {
        let signatures = self.signatures.iter().map(String::len).sum::<usize>();
        size_of::<Self>() + self.line.len() + self.route.len() + signatures
    }
}

/// What became of the divergences.
#[derive(Debug, Default)]
pub struct Counts {
    /// Acknowledged by the database.
    pub written: AtomicU64,
    /// Found no room in the buffer, or were refused by the database.
    pub dropped: AtomicU64,
    /// Whether the last attempt to write succeeded.
    pub up: AtomicBool,
}

/// The buffer.
#[derive(Debug)]
pub struct Outbox {
    /// In bytes.
    limit: usize,
    waiting: Mutex<Waiting>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// Puts a divergence in; where it finds no room it is dropped and counted.
    pub fn offer(&self, entry: Entry) {
        let size = entry.size();
        let mut waiting = self.waiting.lock();
        if waiting.bytes + size > self.limit {
            drop(waiting);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes += size;
        waiting.entries.push_back(Arc::new(entry));
    }

    /// The oldest `most`; they stay until they are settled.
    pub(super) fn oldest(&self, most: usize) -> Vec<Arc<Entry>> {
        self.waiting
            .lock()
            .entries
            .iter()
            .take(most)
            .cloned()
            .collect()
    }

    /// The oldest `number` are in the database.
    pub(super) fn acknowledge(&self, number: usize) {
        self.remove(number);
        self.counts
            .written
            .fetch_add(number as u64, Ordering::Relaxed);
    }

    /// The oldest `number` will never be in the database.
    pub(super) fn give_up(&self, number: usize) {
        self.remove(number);
        self.counts
            .dropped
            .fetch_add(number as u64, Ordering::Relaxed);
    }

    fn remove(&self, number: usize) {
        let mut waiting = self.waiting.lock();
        let removed: usize = waiting
            .entries
            .drain(..number)
            .map(|entry| entry.size())
            .sum();
        waiting.bytes -= removed;
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().entries.len()
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> Entry {
        Entry {
            run: "run".into(),
            number,
            route: "route".into(),
            signatures: vec!["signature".into()],
            line: "x".repeat(1000),
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted_and_room_comes_back() {
        let outbox = Outbox::new(3 * entry(0).size());
        for number in 0..5 {
            outbox.offer(entry(number));
        }
        assert_eq!(outbox.waiting(), 3);
        assert_eq!(outbox.counts().dropped.load(Ordering::Relaxed), 2);
        let oldest: Vec<u64> = outbox.oldest(2).iter().map(|entry| entry.number).collect();
        assert_eq!(oldest, [0, 1]);
        outbox.acknowledge(2);
        outbox.give_up(1);
        outbox.offer(entry(5));
        assert_eq!(outbox.oldest(9)[0].number, 5);
        assert_eq!(outbox.counts().written.load(Ordering::Relaxed), 2);
        assert_eq!(outbox.counts().dropped.load(Ordering::Relaxed), 3);
        outbox.acknowledge(1);
        assert_eq!(outbox.waiting.lock().bytes, 0);
    }
}
