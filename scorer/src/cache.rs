//! Counters and weights that outlive a request: in Redis, shared with the Python service, or in
//! this process (contract §4, §5).

mod memory;
pub(crate) mod pickle;
mod redis;

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::settings::CacheUrls;

/// Where entries live.
#[derive(Clone)]
pub struct Cache(Backend);

#[derive(Clone)]
enum Backend {
    InProcess(Arc<memory::Store>),
    Redis(redis::Store),
}

/// An entry as set by a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheWrite {
    pub key: String,
    pub value: CacheValue,
    /// Seconds the entry has to live from the moment it was first set.
    pub time_to_live: u64,
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheValue {
    Counter(u64),
    /// A Python string, pickled in Redis.
    Text(String),
}

impl CacheValue {
    /// What the bytes of a Redis entry mean when either service wrote them: an integer or a pickled
    /// text. Nothing for other bytes.
    #[must_use]
    pub fn from_redis(bytes: &[u8]) -> Option<Self> {
        let count = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse().ok());
        let counter = count.filter(|count: &u64| count.to_string().as_bytes() == bytes);
        counter
            .map(Self::Counter)
            .or_else(|| pickle::loads(bytes).map(Self::Text))
    }
}

/// The cache cannot answer. The Python service lets such errors through to the 500 page.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("not a usable Redis URL in CELERY_BROKER_URL")]
    Url,
    #[error("the file that ssl_ca_certs in CELERY_BROKER_URL names cannot be read: {0}")]
    Authorities(std::io::Error),
    #[error(
        "CELERY_BROKER_URL turns the check of the server's certificate off, which is not \
         supported: name its authority in ssl_ca_certs"
    )]
    Unverified,
    #[error("redis: {0}")]
    Redis(#[from] ::redis::RedisError),
    #[error("a cache entry is not a pickled text")]
    NotText,
}

impl Cache {
    /// A store in this process, gone with it.
    #[must_use]
    pub fn in_process() -> Self {
        Self(Backend::InProcess(Arc::default()))
    }

    /// The Redis servers of the settings, or a store in this process without any. Connections are
    /// made when first needed, so a server that is down stops no start.
    ///
    /// # Errors
    /// A URL that is none, or whose TLS parameters cannot be used.
    pub fn from_urls(urls: Option<&CacheUrls>) -> Result<Self, CacheError> {
        match urls {
            None => Ok(Self::in_process()),
            Some(urls) => Ok(Self(Backend::Redis(redis::Store::new(urls)?))),
        }
    }

    /// Every live entry of the in-process store; nothing for Redis.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<String, CacheValue> {
        match &self.0 {
            Backend::InProcess(store) => store.snapshot(),
            Backend::Redis(_) => BTreeMap::new(),
        }
    }

    /// Sets an entry of the in-process store, as a recording has it; Redis is left alone.
    pub fn put(&self, key: &str, value: CacheValue, time_to_live: u64) {
        if let Backend::InProcess(store) = &self.0 {
            store.put(key, value, time_to_live);
        }
    }

    /// Forgets every entry of the in-process store; Redis is left alone.
    pub fn clear(&self) {
        if let Backend::InProcess(store) = &self.0 {
            store.clear();
        }
    }

    /// Counts one more call and returns how many there are. The first call starts the life of the
    /// counter; later ones do not prolong it.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub async fn increment(&self, key: &str, time_to_live: u64) -> Result<u64, CacheError> {
        match &self.0 {
            Backend::InProcess(store) => Ok(store.increment(key, time_to_live)),
            Backend::Redis(store) => store.increment(key, time_to_live).await,
        }
    }

    /// How many calls there were, without counting one.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub async fn count(&self, key: &str) -> Result<u64, CacheError> {
        match &self.0 {
            Backend::InProcess(store) => Ok(store.count(key)),
            Backend::Redis(store) => store.count(key).await,
        }
    }

    /// The text of an entry; an entry that reads as an integer counts as none (contract §5).
    ///
    /// # Errors
    /// Redis is unreachable, or the entry is no pickled text.
    pub async fn text(&self, key: &str) -> Result<Option<String>, CacheError> {
        match &self.0 {
            Backend::InProcess(store) => Ok(store.text(key)),
            Backend::Redis(store) => store.text(key).await,
        }
    }

    /// Sets a text that lives for `time_to_live` seconds.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub async fn set_text(
        &self,
        key: &str,
        text: &str,
        time_to_live: u64,
    ) -> Result<(), CacheError> {
        match &self.0 {
            Backend::InProcess(store) => {
                store.set_text(key, text, time_to_live);
                Ok(())
            }
            Backend::Redis(store) => store.set_text(key, text, time_to_live).await,
        }
    }

    /// Whether the cache answers.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub async fn ping(&self) -> Result<(), CacheError> {
        match &self.0 {
            Backend::InProcess(_) => Ok(()),
            Backend::Redis(store) => store.ping().await,
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match &self.0 {
            Backend::InProcess(_) => "Cache(in process)",
            Backend::Redis(_) => "Cache(redis)",
        })
    }
}
