//! The Redis database of a live backend: emptied for every scenario, and only if somebody said that
//! it is for tests.

use std::{collections::BTreeMap, fmt, time::Duration};

use parity::{
    fixture::{Cache, CacheEntry},
    json::{Json, Text, Value},
};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, Script,
    aio::MultiplexedConnection,
};
use scorer::cache::CacheValue;

use super::DatabaseError;

/// The key a Redis database has to hold before anything in it is deleted.
pub const TEST_REDIS_MARK: &str = "parity:test-database";

/// Name under which a run is connected, so that another one sees it.
const CLIENT_NAME: &str = "parity-cli-test-database";

/// How long Redis may take to connect or to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Nothing goes from a database without the mark, and the mark stays: one step, so that neither a
/// crash nor another client comes between.
const EMPTY: &str = "
    local mark = redis.call('GET', KEYS[1])
    if not mark then return 0 end
    redis.call('FLUSHDB')
    redis.call('SET', KEYS[1], mark)
    return 1";

/// Every entry that is a string: key, value, milliseconds to live. Lists and sets are queues of the
/// service, not its cache.
const ENTRIES: &str = "
    local entries = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
        if redis.call('TYPE', key).ok == 'string' then
            local value = redis.call('GET', key)
            if value then table.insert(entries, {key, value, redis.call('PTTL', key)}) end
        end
    end
    return entries";

/// A Redis database that may be emptied while a backend works on it.
pub struct TestRedis {
    connection: MultiplexedConnection,
    /// Which database, without what logs in to it.
    name: String,
    /// What marks it, to be run in a shell.
    command: String,
    /// Entries as they were after the last request.
    seen: BTreeMap<String, Json>,
}

impl fmt::Debug for TestRedis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("TestRedis")
            .field(&self.name)
            .finish()
    }
}

impl TestRedis {
    /// Connects and empties the database.
    ///
    /// # Errors
    /// The database cannot be reached, is not marked as a test database, or is in use by a run.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        // What the client says of a URL it cannot read is left out: it may quote it.
        let client = Client::open(url).map_err(|_| DatabaseError::RedisUrl)?;
        let name = describe(client.get_connection_info());
        let command = marking(client.get_connection_info());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(DatabaseError::redis(&name, "connecting to"))?;
        let mut redis = Self {
            connection,
            name,
            command,
            seen: BTreeMap::new(),
        };
        redis.claim().await?;
        redis.reset().await?;
        Ok(redis)
    }

    /// Takes the database for this run for as long as the connection lasts.
    async fn claim(&mut self) -> Result<(), DatabaseError> {
        let doing = "looking for other runs on";
        let blame = DatabaseError::redis(&self.name, doing);
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("CLIENT")
            .arg("SETNAME")
            .arg(CLIENT_NAME)
            .ignore();
        pipeline.cmd("CLIENT").arg("ID");
        pipeline.cmd("CLIENT").arg("LIST");
        let (own, clients): (u64, String) = pipeline
            .query_async(&mut self.connection)
            .await
            .map_err(blame)?;
        if is_shared(own, &clients) {
            return Err(DatabaseError::InUse {
                what: "Redis database",
                name: self.name.clone(),
            });
        }
        Ok(())
    }

    /// Empties the database.
    ///
    /// # Errors
    /// The database does not answer, or lost its mark.
    pub async fn reset(&mut self) -> Result<(), DatabaseError> {
        let emptied: bool = Script::new(EMPTY)
            .key(TEST_REDIS_MARK)
            .invoke_async(&mut self.connection)
            .await
            .map_err(DatabaseError::redis(&self.name, "emptying"))?;
        self.seen.clear();
        if emptied {
            return Ok(());
        }
        Err(DatabaseError::RedisNotMarked {
            name: self.name.clone(),
            command: self.command.clone(),
        })
    }

    /// Entries that were set to something new since the last call.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take(&mut self) -> Result<Cache, DatabaseError> {
        let entries: Vec<(Vec<u8>, Vec<u8>, i64)> = Script::new(ENTRIES)
            .invoke_async(&mut self.connection)
            .await
            .map_err(DatabaseError::redis(&self.name, "reading"))?;
        let mut present = BTreeMap::new();
        let mut cache = Cache::default();
        for (key, value, milliseconds) in entries {
            let key = match String::from_utf8(key) {
                Ok(key) => key,
                Err(error) => error.as_bytes().escape_ascii().to_string(),
            };
            if key == TEST_REDIS_MARK {
                continue;
            }
            let value = decode(&value);
            if self.seen.get(&key) != Some(&value) {
                let entry = CacheEntry {
                    value: value.clone(),
                    ttl_s: (milliseconds >= 0).then(|| (milliseconds + 999) / 1000),
                };
                cache.set.insert(key.clone(), entry);
            }
            present.insert(key, value);
        }
        self.seen = present;
        Ok(cache)
    }

    /// Empties the database once more and leaves it to others.
    pub async fn close(&mut self) {
        let emptied = self.reset().await;
        // The connection goes a moment later: without its name it is in nobody's way.
        let mut rename = redis::cmd("CLIENT");
        let renamed: Result<(), _> = rename
            .arg("SETNAME")
            .arg("")
            .query_async(&mut self.connection)
            .await;
        let renamed = renamed.map_err(DatabaseError::redis(&self.name, "leaving"));
        if let Err(error) = emptied.and(renamed) {
            tracing::warn!(%error, "the Redis database is left as it is");
        }
    }
}

/// An integer and a pickled text as a recording has them; other bytes in a form of their own, so
/// that a text which is not pickled is not taken for one that is.
fn decode(bytes: &[u8]) -> Json {
    match CacheValue::from_redis(bytes) {
        Some(CacheValue::Counter(count)) => Value::number(count),
        Some(CacheValue::Text(text)) => Value::string(&text),
        None => {
            let escaped = Value::string(&bytes.escape_ascii().to_string());
            Value::Object(vec![(Text::from_decoded("bytes"), escaped)])
        }
    }
}

/// Whether a run other than that of the client `own` is connected to the same database.
fn is_shared(own: u64, clients: &str) -> bool {
    let field = |client: &str, name: &str| -> Option<String> {
        let mut fields = client.split(' ').filter_map(|field| field.split_once('='));
        fields
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.to_owned())
    };
    let (ours, others): (Vec<&str>, Vec<&str>) = clients
        .lines()
        .filter(|client| field(client, "name").as_deref() == Some(CLIENT_NAME))
        .partition(|client| field(client, "id") == Some(own.to_string()));
    let database = |client: &&str| field(client, "db");
    let own_database = ours.first().and_then(database);
    others.iter().any(|other| database(other) == own_database)
}

fn describe(connection: &ConnectionInfo) -> String {
    let (address, number) = (connection.addr(), connection.redis_settings().db());
    format!("{number} at {address}")
}

/// The command that marks a database. What logs in is left out.
fn marking(connection: &ConnectionInfo) -> String {
    let server = match connection.addr() {
        ConnectionAddr::Tcp(host, port) => format!("-h {host} -p {port}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("--tls -h {host} -p {port}"),
        ConnectionAddr::Unix(path) => format!("-s {}", path.display()),
        _ => String::new(),
    };
    let settings = connection.redis_settings();
    let login = match (settings.username(), settings.password()) {
        (_, None) => String::new(),
        (None, Some(_)) => " --askpass".to_owned(),
        (Some(user), Some(_)) => format!(" --user {user} --askpass"),
    };
    let number = settings.db();
    format!("redis-cli {server}{login} -n {number} SET {TEST_REDIS_MARK} yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(url: &str) -> ConnectionInfo {
        Client::open(url)
            .expect("a URL")
            .get_connection_info()
            .clone()
    }

    #[test]
    fn the_marking_command_has_everything_but_the_password() {
        let marking = |url| marking(&info(url));
        assert_eq!(
            marking("redis://127.0.0.1:6390/3"),
            "redis-cli -h 127.0.0.1 -p 6390 -n 3 SET parity:test-database yes"
        );
        assert_eq!(
            marking("rediss://someone:geheim@cache.test/1"),
            "redis-cli --tls -h cache.test -p 6379 --user someone --askpass -n 1 SET parity:test-database yes"
        );
        assert_eq!(describe(&info("redis://:geheim@h/1")), "1 at h:6379");
    }

    #[test]
    fn forms_of_a_value_are_told_apart() {
        assert_eq!(decode(b"7").to_text(), "7");
        assert_eq!(decode(b"\x80\x05\x8c\x01a\x94.").to_text(), r#""a""#);
        for (bytes, text) in [
            (&b"a"[..], r#"{"bytes":"a"}"#),
            (b"07", r#"{"bytes":"07"}"#),
            (b"\xff\\", r#"{"bytes":"\\xff\\\\"}"#),
        ] {
            let compact: String = decode(bytes).to_text().split(' ').collect();
            assert_eq!(compact, text);
        }
    }

    #[test]
    fn another_run_is_one_on_the_same_database() {
        let line = |id: u32, name: &str, db: u32| format!("id={id} addr=x name={name} db={db}\n");
        let own = line(4, CLIENT_NAME, 1);
        let shared = |other: String| is_shared(4, &format!("{other}{own}"));
        assert!(!shared(String::new()));
        assert!(!shared(line(3, "", 1)));
        assert!(!shared(line(3, CLIENT_NAME, 2)));
        assert!(shared(line(3, CLIENT_NAME, 1)));
    }
}
