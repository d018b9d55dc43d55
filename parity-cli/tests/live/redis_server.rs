//! A Redis of its own, gone when dropped.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use parity_cli::database::TEST_REDIS_MARK;

/// What logs in; nothing that anybody prints may have it.
pub(crate) const PASSWORD: &str = "redis-password-of-a-test";

pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string(), "--requirepass", PASSWORD])
            .arg("--dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server cannot be started: run scripts/install-test-tools");
        let server = Self {
            process,
            port,
            _directory: directory,
        };
        for _ in 0..400 {
            if server.connect(0).await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("redis-server does not answer on port {port}");
    }

    /// Of the database with this number.
    pub(crate) fn url(&self, number: u8) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/{number}", self.port)
    }

    /// The command that marks a database, as `redis-cli` takes it.
    pub(crate) fn marking(&self, number: u8) -> String {
        let port = self.port;
        format!("redis-cli -h 127.0.0.1 -p {port} --askpass -n {number} SET {TEST_REDIS_MARK} yes")
    }

    /// What a command answers on a database.
    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, number: u8, words: &[&[u8]]) -> T {
        let mut connection = self.connect(number).await.expect("a connection");
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command
            .query_async(&mut connection)
            .await
            .expect("an answer")
    }

    /// Lets this database be emptied.
    pub(crate) async fn mark(&self, number: u8) {
        let words: [&[u8]; 3] = [b"SET", TEST_REDIS_MARK.as_bytes(), b"yes"];
        let () = self.ask(number, &words).await;
    }

    async fn connect(&self, number: u8) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(self.url(number))?;
        client.get_multiplexed_async_connection().await
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
