//! The cache in a real Redis, and that the store of a single process behaves alike.
//!
//! Needs `redis-server` (`apt-get install redis-server`); without it these tests fail.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use scorer::{
    cache::{Cache, CacheValue},
    settings::{CacheUrls, Secret},
};
use tempfile::TempDir;

/// A Redis of its own, gone when dropped.
struct Redis {
    process: Child,
    port: u16,
    directory: TempDir,
    is_tls: bool,
}

impl Redis {
    async fn start() -> Self {
        Self::launch(tempfile::tempdir().unwrap(), false).await
    }

    /// One that speaks TLS only, with a certificate of its own.
    async fn start_with_tls() -> Self {
        // Elsewhere the program says whose cryptography it uses; a second word changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        for (name, text) in [
            ("own.pem", own.cert.pem()),
            ("own.key", own.signing_key.serialize_pem()),
            ("other.pem", other.cert.pem()),
        ] {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Self::launch(directory, true).await
    }

    async fn launch(directory: TempDir, is_tls: bool) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(directory.path());
        if is_tls {
            command
                .args(["--port", "0", "--tls-port", &port.to_string()])
                .args(["--tls-auth-clients", "no"])
                .args(["--tls-cert-file", "own.pem", "--tls-key-file", "own.key"])
                .args(["--tls-ca-cert-file", "own.pem"])
                .current_dir(directory.path());
        } else {
            command.args(["--port", &port.to_string()]);
        }
        let process = command
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server cannot be started: apt-get install redis-server");
        let redis = Self {
            process,
            port,
            directory,
            is_tls,
        };
        let cache = redis.cache();
        for _ in 0..200 {
            if cache.ping().await.is_ok() {
                return redis;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("redis-server does not answer on port {port}");
    }

    fn url(&self) -> Secret {
        match self.is_tls {
            false => Secret::new(format!("redis://127.0.0.1:{}/0", self.port)),
            true => self.tls_url(&format!("?ssl_ca_certs={}", self.file("own.pem"))),
        }
    }

    fn tls_url(&self, query: &str) -> Secret {
        Secret::new(format!("rediss://127.0.0.1:{}/0{query}", self.port))
    }

    fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn cache(&self) -> Cache {
        let urls = CacheUrls {
            write: self.url(),
            reads: vec![self.url()],
        };
        Cache::from_urls(Some(&urls)).unwrap()
    }

    /// What a command answers, as `redis-cli` would ask.
    async fn ask<T: redis::FromRedisValue>(&self, words: &[&[u8]]) -> T {
        let client = redis::Client::open(self.url().expose()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query_async(&mut connection).await.unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn both_stores_count_and_remember_alike() {
    let redis = Redis::start().await;
    for cache in [redis.cache(), Cache::in_process()] {
        assert_eq!(cache.count("k").await.unwrap(), 0, "{cache:?}");
        assert_eq!(cache.increment("k", 60).await.unwrap(), 1);
        assert_eq!(cache.increment("k", 60).await.unwrap(), 2);
        assert_eq!(cache.count("k").await.unwrap(), 2);
        assert_eq!(cache.text("t").await.unwrap(), None);
        cache.set_text("t", r#"{"ü": 1}"#, 60).await.unwrap();
        assert_eq!(
            cache.text("t").await.unwrap().as_deref(),
            Some(r#"{"ü": 1}"#)
        );
        assert_eq!(cache.text("k").await.unwrap(), None, "a counter is no text");
    }
}

#[tokio::test]
async fn counters_are_plain_integers_whose_life_is_not_prolonged() {
    let redis = Redis::start().await;
    let cache = redis.cache();
    cache.increment("k", 905).await.unwrap();
    redis.ask::<i64>(&[b"EXPIRE", b"k", b"100"]).await;
    cache.increment("k", 905).await.unwrap();
    assert_eq!(redis.ask::<String>(&[b"GET", b"k"]).await, "2");
    let life: i64 = redis.ask(&[b"TTL", b"k"]).await;
    assert!((1..=100).contains(&life), "{life}");
    // The Python service counts the same key on.
    redis.ask::<i64>(&[b"INCRBY", b"k", b"1"]).await;
    assert_eq!(cache.increment("k", 905).await.unwrap(), 4);
}

#[tokio::test]
async fn texts_are_pickled_as_python_pickles_them() {
    let redis = Redis::start().await;
    let cache = redis.cache();
    cache.set_text("t", r#"{"a": 1}"#, 60).await.unwrap();
    // pickle.dumps('{"a": 1}', 5)
    let pickled = b"\x80\x05\x95\x0c\0\0\0\0\0\0\0\x8c\x08{\"a\": 1}\x94.";
    let stored: Vec<u8> = redis.ask(&[b"GET", b"t"]).await;
    assert_eq!(stored, pickled);
    let life: i64 = redis.ask(&[b"TTL", b"t"]).await;
    assert!((1..=60).contains(&life), "{life}");
    redis.ask::<()>(&[b"SET", b"python", pickled]).await;
    assert_eq!(
        cache.text("python").await.unwrap().as_deref(),
        Some(r#"{"a": 1}"#)
    );
}

#[tokio::test]
async fn entries_that_are_no_text_are_errors_and_integers_are_none() {
    let redis = Redis::start().await;
    let cache = redis.cache();
    redis
        .ask::<()>(&[b"SET", b"broken", b"\x80\x05garbage"])
        .await;
    redis.ask::<()>(&[b"SET", b"number", b" 1_0 "]).await;
    let foreign_digits = "\u{661}".as_bytes();
    redis.ask::<()>(&[b"SET", b"foreign", foreign_digits]).await;
    assert!(cache.text("broken").await.is_err());
    assert!(cache.text("foreign").await.is_err());
    assert_eq!(cache.text("number").await.unwrap(), None);
}

#[tokio::test]
async fn a_redis_that_is_gone_is_an_error_and_one_that_is_back_is_used() {
    let mut redis = Redis::start().await;
    let cache = redis.cache();
    cache.increment("k", 60).await.unwrap();
    redis.process.kill().unwrap();
    redis.process.wait().unwrap();
    assert!(cache.increment("k", 60).await.is_err());
    assert!(cache.ping().await.is_err());
    redis.process = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", ""])
        .args(["--port", &redis.port.to_string()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..400 {
        if cache.increment("k", 60).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the cache does not come back with its Redis");
}

#[tokio::test]
async fn tls_is_spoken_with_a_server_that_proves_itself() {
    let redis = Redis::start_with_tls().await;
    let cache = redis.cache();
    assert_eq!(cache.increment("k", 60).await.unwrap(), 1);
    assert_eq!(cache.increment("k", 60).await.unwrap(), 2);
    cache.set_text("t", "x", 60).await.unwrap();
    assert_eq!(cache.text("t").await.unwrap().as_deref(), Some("x"));

    let only = |write: Secret| {
        Cache::from_urls(Some(&CacheUrls {
            write,
            reads: Vec::new(),
        }))
    };
    // Neither another authority nor those of the system vouch for this server.
    for query in [
        format!("?ssl_ca_certs={}", redis.file("other.pem")),
        String::new(),
    ] {
        let cache = only(redis.tls_url(&query)).unwrap();
        assert!(cache.ping().await.is_err(), "{query}");
    }
    for (query, problem) in [
        ("?ssl_ca_certs=/nowhere.pem", "cannot be read"),
        ("?ssl_cert_reqs=none", "not supported"),
    ] {
        let error = only(redis.tls_url(query)).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn entries_of_a_recording_can_be_brought_in() {
    let cache = Cache::in_process();
    cache.put("k", CacheValue::Counter(3), 60);
    assert_eq!(cache.snapshot()["k"], CacheValue::Counter(3));
    cache.clear();
    assert!(cache.snapshot().is_empty());
}
