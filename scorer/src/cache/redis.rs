//! The store that the Python service uses too.

use std::sync::{
    LazyLock,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use redis::{
    Client, Script, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use super::{CacheError, pickle};
use crate::settings::{CacheUrls, Secret};

/// A server that does not answer for this long is down: a request must not hang on it.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the Python service does in two or three commands, in one round trip: set the counter with
/// its life, or else count on.
static INCREMENT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('SET', KEYS[1], 1, 'EX', ARGV[1], 'NX') then return 1 end \
         return redis.call('INCRBY', KEYS[1], 1)",
    )
});

/// Connections that come back by themselves.
#[derive(Clone)]
pub(super) struct Store {
    write: ConnectionManager,
    reads: Vec<ConnectionManager>,
    turn: std::sync::Arc<AtomicUsize>,
}

impl Store {
    pub(super) fn new(urls: &CacheUrls) -> Result<Self, CacheError> {
        Ok(Self {
            write: connect(&urls.write)?,
            reads: urls.reads.iter().map(connect).collect::<Result<_, _>>()?,
            turn: std::sync::Arc::default(),
        })
    }

    pub(super) async fn increment(&self, key: &str, time_to_live: u64) -> Result<u64, CacheError> {
        let mut connection = self.write.clone();
        let mut call = INCREMENT.key(key);
        let count = call.arg(time_to_live).invoke_async(&mut connection).await?;
        Ok(count)
    }

    pub(super) async fn count(&self, key: &str) -> Result<u64, CacheError> {
        let mut command = redis::cmd("GET");
        let count: Option<u64> = command
            .arg(key)
            .query_async(&mut self.write.clone())
            .await?;
        Ok(count.unwrap_or(0))
    }

    pub(super) async fn text(&self, key: &str) -> Result<Option<String>, CacheError> {
        let mut command = redis::cmd("GET");
        let bytes: Option<Vec<u8>> = command.arg(key).query_async(&mut self.reader()).await?;
        match bytes {
            None => Ok(None),
            Some(bytes) if is_integer(&bytes) => Ok(None),
            Some(bytes) => pickle::loads(&bytes).map(Some).ok_or(CacheError::NotText),
        }
    }

    pub(super) async fn set_text(
        &self,
        key: &str,
        text: &str,
        time_to_live: u64,
    ) -> Result<(), CacheError> {
        let mut command = redis::cmd("SET");
        command.arg(key).arg(pickle::dumps(text));
        command.arg("EX").arg(time_to_live);
        let () = command.query_async(&mut self.write.clone()).await?;
        Ok(())
    }

    pub(super) async fn ping(&self) -> Result<(), CacheError> {
        let () = redis::cmd("PING")
            .query_async(&mut self.write.clone())
            .await?;
        Ok(())
    }

    fn reader(&self) -> ConnectionManager {
        match self.reads.len() {
            0 => self.write.clone(),
            count => self.reads[self.turn.fetch_add(1, Ordering::Relaxed) % count].clone(),
        }
    }
}

/// A client for a URL in the form of the Python client: `rediss` is TLS, with the authorities of
/// the system or those in the file that `ssl_ca_certs` names.
fn client(url: &str) -> Result<Client, CacheError> {
    let (server, query) = url.split_once('?').unwrap_or((url, ""));
    if !server.starts_with("rediss://") {
        return Client::open(url).map_err(|_| CacheError::Url);
    }
    let mut authorities = None;
    for (name, value) in query.split('&').filter_map(|field| field.split_once('=')) {
        match name {
            "ssl_ca_certs" => {
                authorities = Some(std::fs::read(value).map_err(CacheError::Authorities)?);
            }
            "ssl_cert_reqs" if !matches!(value, "required" | "CERT_REQUIRED") => {
                return Err(CacheError::Unverified);
            }
            _ => {}
        }
    }
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: authorities,
    };
    Client::build_with_tls(server, certificates).map_err(|_| CacheError::Url)
}

fn connect(url: &Secret) -> Result<ConnectionManager, CacheError> {
    let client = client(url.expose())?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(TIMEOUT))
        .set_number_of_retries(1);
    ConnectionManager::new_lazy_with_config(client, config).map_err(|_| CacheError::Url)
}

/// Whether Python's `int()` takes the bytes, where only ASCII digits count: such an entry is a
/// number and no text.
fn is_integer(bytes: &[u8]) -> bool {
    bytes.is_ascii()
        && std::str::from_utf8(bytes)
            .is_ok_and(|text| crate::python::int::parse_int(text).is_some())
}
