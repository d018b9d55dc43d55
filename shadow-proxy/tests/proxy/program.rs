//! The real binary: started, asked, signalled and killed.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::support::{PATIENCE, get, raw_text};

const POLL: Duration = Duration::from_millis(10);

/// A proxy in a process of its own.
#[derive(Debug)]
pub(crate) struct Program {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Program {
    /// Starts one, and waits until it serves.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&log);
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok).inspect(move |line| {
            let mut log = kept.lock();
            log.push_str(line);
            log.push('\n');
        });
        // It says where it serves users and operators.
        let addresses = lines.by_ref().find_map(|line| {
            let address = |key: &str| {
                let value = line.split_once(key)?.1.split(' ').next()?;
                value.parse().ok()
            };
            Some((address(" address=")?, address(" admin=")?))
        });
        let (address, admin) =
            addresses.unwrap_or_else(|| panic!("the proxy does not serve:\n{}", log.lock()));
        // Reads on to the end, so that the process never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            address,
            admin,
            log,
        }
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
    }

    /// Waits until it has said so.
    pub(crate) async fn has_logged(&self, text: &str) {
        let said = async {
            while !self.log.lock().contains(text) {
                sleep(POLL).await;
            }
        };
        timeout(PATIENCE, said)
            .await
            .expect("it should have said so");
    }

    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal: `HUP`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.process.try_wait().unwrap() {
                    return status;
                }
                sleep(POLL).await;
            }
        };
        timeout(PATIENCE, ended)
            .await
            .expect("the proxy should end")
    }

    /// Sends one GET to the reference through it.
    pub(crate) async fn send(&self, target: &str) -> String {
        get(self.address, target).await
    }

    /// What the admin port says, whatever its status.
    pub(crate) async fn state(&self, path: &str) -> Value {
        let answer = get(self.admin, path).await;
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
        serde_json::from_str(body).unwrap()
    }

    pub(crate) async fn ask(&self, path: &str) -> Value {
        let answer = get(self.admin, path).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// Changes the stage, or with `/api/kill` switches off.
    pub(crate) async fn tell(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = raw_text(self.admin, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Asks until the answer is as wanted, and returns it.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(path).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} stays at {answer}");
            sleep(POLL).await;
        }
    }

    /// The most memory that was resident so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        1024 * kib.parse::<u64>().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
