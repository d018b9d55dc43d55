//! The store of a single process.

use std::{collections::BTreeMap, collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::CacheValue;

/// Entries at most: anybody may ask for weights under many spellings of an id.
const CAPACITY: usize = 10_000;

/// Entries that expire in real time, as in Redis.
#[derive(Default)]
pub(super) struct Store(Mutex<HashMap<String, Entry>>);

struct Entry {
    value: CacheValue,
    expires: Instant,
}

impl Store {
    pub(super) fn increment(&self, key: &str, time_to_live: u64) -> u64 {
        let mut entries = self.0.lock();
        if let Some(Entry {
            value: CacheValue::Counter(count),
            expires,
        }) = entries.get_mut(key)
            && *expires > Instant::now()
        {
            *count += 1;
            return *count;
        }
        insert(&mut entries, key, CacheValue::Counter(1), time_to_live);
        1
    }

    pub(super) fn count(&self, key: &str) -> u64 {
        match self.get(key) {
            Some(CacheValue::Counter(count)) => count,
            _ => 0,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.get(key) {
            Some(CacheValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn set_text(&self, key: &str, text: &str, time_to_live: u64) {
        self.put(key, CacheValue::Text(text.to_owned()), time_to_live);
    }

    pub(super) fn put(&self, key: &str, value: CacheValue, time_to_live: u64) {
        insert(&mut self.0.lock(), key, value, time_to_live);
    }

    pub(super) fn snapshot(&self) -> BTreeMap<String, CacheValue> {
        let now = Instant::now();
        let entries = self.0.lock();
        let live = entries.iter().filter(|(_, entry)| entry.expires > now);
        live.map(|(key, entry)| (key.clone(), entry.value.clone()))
            .collect()
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    fn get(&self, key: &str) -> Option<CacheValue> {
        let entries = self.0.lock();
        let entry = entries.get(key)?;
        (entry.expires > Instant::now()).then(|| entry.value.clone())
    }
}

/// Adds an entry. A full store loses what has expired, or else what expires first.
fn insert(entries: &mut HashMap<String, Entry>, key: &str, value: CacheValue, time_to_live: u64) {
    let now = Instant::now();
    if entries.len() >= CAPACITY {
        entries.retain(|_, entry| entry.expires > now);
    }
    if entries.len() >= CAPACITY
        && let Some(first) = entries
            .iter()
            .min_by_key(|(_, entry)| entry.expires)
            .map(|(key, _)| key.clone())
    {
        entries.remove(&first);
    }
    let life = Duration::from_secs(time_to_live);
    let far = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    let expires = now.checked_add(life).unwrap_or_else(|| now + far);
    entries.insert(key.to_owned(), Entry { value, expires });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_counter_lives_from_its_first_call() {
        let store = Store::default();
        assert_eq!(store.increment("k", 10), 1);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(store.increment("k", 10), 2);
        assert_eq!(store.count("k"), 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(store.count("k"), 0);
        assert_eq!(store.increment("k", 10), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn texts_expire_and_counters_are_no_texts() {
        let store = Store::default();
        store.set_text("t", "x", 60);
        store.increment("k", 60);
        assert_eq!(store.text("t").as_deref(), Some("x"));
        assert_eq!(store.text("k"), None);
        assert_eq!(store.snapshot().len(), 2);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(store.text("t"), None);
        assert!(store.snapshot().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_store_loses_what_expires_first() {
        let store = Store::default();
        store.set_text("soon", "x", 1);
        for number in 1..CAPACITY {
            store.set_text(&format!("{number}"), "x", 60);
        }
        store.set_text("new", "x", 60);
        assert_eq!(store.text("soon"), None);
        assert_eq!(store.snapshot().len(), CAPACITY);
    }
}
