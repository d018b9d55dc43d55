//! A backend that answers with exact bytes, and a client that sends exact bytes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use parity::accounting::Accounting;
use parking_lot::Mutex;
use shadow_proxy::{Config, Handle, config::CandidateConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Longest wait for anything in a test: reached only when something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it arrived at a [`Backend`].
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    /// One character for each byte (Latin-1), so that every byte can be told.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// Header lines with these names, ignoring case, as sent.
    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        let is_named = |line: &&str| {
            line.split_once(':')
                .is_some_and(|(field, _)| field.eq_ignore_ascii_case(name))
        };
        self.head.lines().skip(1).filter(is_named).collect()
    }
}

/// A backend on a loopback port. Answers every request with what `answer` makes of it; keeps
/// connections open unless the answer says `Connection: close`.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Backend {
    pub(crate) async fn start(
        answer: impl Fn(&Arrived) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let (log, answer) = (Arc::clone(&arrived), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&answer)));
            }
        });
        Self { address, arrived }
    }

    /// A backend that does what `handle` does with each connection, and logs nothing.
    pub(crate) async fn handling<F: Future<Output = ()> + Send + 'static>(
        handle: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(handle(stream));
            }
        });
        Self {
            address,
            arrived: Arc::default(),
        }
    }

    /// A backend that always gives the same answer.
    pub(crate) async fn answering(answer: &[u8]) -> Self {
        let answer = answer.to_vec();
        Self::start(move |_| answer.clone()).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<Arrived>>>,
    answer: Arc<impl Fn(&Arrived) -> Vec<u8>>,
) {
    let mut buffer = Vec::new();
    loop {
        let Some(end) = read_until(&mut stream, &mut buffer, b"\r\n\r\n").await else {
            return;
        };
        let head = buffer[..end]
            .iter()
            .copied()
            .map(char::from)
            .collect::<String>();
        buffer.drain(..end);
        let lower = head.to_ascii_lowercase();
        let body = if let Some(at) = lower.find("content-length:") {
            let length: usize = lower[at + 15..]
                .lines()
                .next()
                .unwrap()
                .trim()
                .parse()
                .unwrap();
            while buffer.len() < length {
                if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            buffer.drain(..length).collect()
        } else if lower.contains("transfer-encoding: chunked") {
            let Some(end) = read_until(&mut stream, &mut buffer, b"0\r\n").await else {
                return;
            };
            let Some(last) = read_until(&mut stream, &mut buffer, b"\r\n\r\n").await else {
                return;
            };
            buffer.drain(..end.max(last)).collect()
        } else {
            Vec::new()
        };
        let request = Arrived { head, body };
        let bytes = answer(&request);
        log.lock().push(request);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        let head = bytes
            .split(|byte| *byte == b'\n')
            .take_while(|line| line.len() > 1);
        if head
            .into_iter()
            .any(|line| line.eq_ignore_ascii_case(b"connection: close\r"))
        {
            return;
        }
    }
}

/// Position after `end`, once it is there.
async fn read_until(stream: &mut TcpStream, buffer: &mut Vec<u8>, end: &[u8]) -> Option<usize> {
    loop {
        let found = buffer.windows(end.len()).position(|window| window == end);
        if let Some(at) = found {
            return Some(at + end.len());
        }
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// Sends `request` and reads until the other side closes.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection should have been closed")
        .unwrap_or(0);
    answer
}

/// [`raw`] as text.
pub(crate) async fn raw_text(address: SocketAddr, request: &str) -> String {
    String::from_utf8(raw(address, request.as_bytes()).await).unwrap()
}

/// A configuration with an HTTP candidate; nothing is written to disk.
pub(crate) fn shadowing(reference: &Backend, candidate: &Backend) -> Config {
    let mut config = Config::forwarding_to(&reference.url());
    config.candidate = Some(CandidateConfig::Http(shadow_proxy::config::Backend::new(
        &candidate.url(),
    )));
    // Nothing is to be left out because other tests keep the machine busy.
    config.mirror.busy_share = 1.0;
    config
}

/// Sends one GET on a connection of its own.
pub(crate) async fn get(address: SocketAddr, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    raw_text(address, &request).await
}

/// Waits until no fate is open.
pub(crate) async fn settled(proxy: &Handle) -> Accounting {
    timeout(PATIENCE, proxy.accounts().settled())
        .await
        .expect("every request should have been settled");
    let stats = proxy.stats();
    assert!(stats.is_balanced(), "{stats:?}");
    stats
}
