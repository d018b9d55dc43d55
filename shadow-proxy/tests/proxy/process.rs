//! The program itself: stopped, killed and out of disk in the middle of a load.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parity::fixture::Corpus;
use shadow_proxy::journal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    program::Program,
    replica::SINK_URL,
    support::{Backend, PATIENCE, get},
};

const REFERENCE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
const CANDIDATE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";

/// Blocks of 512 bytes that a file may have, for a shell's `ulimit`: room for some lines.
const SMALL_FILE: &str = "64";

/// Environment variable with the token of operators.
pub(crate) const ADMIN_TOKEN: &str = "TEST_ADMIN_TOKEN";

/// Starts the proxy by this command; the configuration is written here.
pub(crate) fn start(
    mut command: Command,
    directory: &Path,
    reference: &Backend,
    candidate: &Backend,
) -> Program {
    let config = directory.join("shadow-proxy.toml");
    // A token and a sink only where the command brings them.
    let configured = |variable: &str, text: String| {
        let is_set = command.get_envs().any(|(name, _)| name == variable);
        if is_set { text } else { String::new() }
    };
    let admin = configured(ADMIN_TOKEN, format!("token_env = \"{ADMIN_TOKEN}\"\n"));
    let sink = configured(SINK_URL, format!("[sink]\nurl_env = \"{SINK_URL}\"\n"));
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n\
         [admin]\naddress = \"127.0.0.1:0\"\n{admin}\
         [reference]\nurl = \"{}\"\n\
         [candidate]\nkind = \"http\"\nurl = \"{}\"\n\
         [mirror]\nbusy_share = 1.0\n\
         [journal]\ndirectory = \"journal\"\n\
         [stage]\nstate_file = \"stage.json\"\n{sink}",
        reference.url(),
        candidate.url()
    );
    std::fs::write(&config, text).unwrap();
    command.args(["--config", config.to_str().unwrap()]);
    Program::start(command)
}

fn proxy() -> Command {
    Command::new(env!("CARGO_BIN_EXE_shadow-proxy"))
}

/// A proxy whose files cannot grow beyond [`SMALL_FILE`], as on a disk that is full.
fn proxy_on_a_small_disk() -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(r#"trap "" XFSZ; ulimit -S -f "$1"; shift; exec "$@""#)
        .args(["sh", SMALL_FILE, env!("CARGO_BIN_EXE_shadow-proxy")]);
    shell
}

impl Program {
    /// What the journal says of itself: written, dropped, failing.
    async fn journal(&self) -> (u64, u64, bool) {
        let status = self.state("/api/status").await;
        let journal = &status["journal"];
        (
            journal["written"].as_u64().unwrap(),
            journal["dropped"].as_u64().unwrap(),
            journal["failing"].as_bool().unwrap(),
        )
    }

    /// Waits until the journal is in a state.
    pub(crate) async fn journal_until(
        &self,
        holds: impl Fn((u64, u64, bool)) -> bool,
    ) -> (u64, u64, bool) {
        let reached = async {
            loop {
                let journal = self.journal().await;
                if holds(journal) {
                    return journal;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, reached).await.expect("the journal")
    }
}

/// Clients that ask until they are told to stop or nobody answers.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// Checks every answer; one may be broken off only where `may_break_off` says so.
    fn start(address: SocketAddr, may_break_off: bool) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let answered = Arc::<AtomicU64>::default();
        let clients = (0..4).map(|_| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let Some(answer) = ask(address).await else {
                        return;
                    };
                    if may_break_off && !answer.ends_with("{}") {
                        return;
                    }
                    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
                    assert!(answer.ends_with("\r\n\r\n{}"), "{answer}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        Self {
            clients: clients.collect(),
            stop,
            answered,
        }
    }

    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("only the reference's answers");
        }
        self.answered.load(Ordering::Relaxed)
    }
}

/// An answer, or nothing when the proxy takes no more requests.
async fn ask(address: SocketAddr) -> Option<String> {
    let request =
        b"GET /internal/embed/weights HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    // Reset or closed, it is over.
    let _ = stream.read_to_end(&mut answer).await;
    (!answer.is_empty()).then(|| String::from_utf8(answer).unwrap())
}

async fn backends() -> (Backend, Backend) {
    (
        Backend::answering(REFERENCE).await,
        Backend::answering(CANDIDATE).await,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_lines_that_are_counted_and_ends_with_the_disk_being_full_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let (reference, candidate) = backends().await;
    let program = start(
        proxy_on_a_small_disk(),
        directory.path(),
        &reference,
        &candidate,
    );
    let load = Load::start(program.address, false);
    let (written, ..) = program
        .journal_until(|(_, dropped, failing)| failing && dropped > 2)
        .await;
    assert!(written > 0, "there was room for some lines");
    let ready = program.state("/readyz").await;
    assert_eq!(ready["journal"], "cannot be written", "{ready}");
    let metrics = get(program.admin, "/metrics").await;
    assert!(
        metrics.contains("shadow_proxy_journal_failing 1"),
        "{metrics}"
    );

    let more = Command::new("prlimit")
        .args(["--pid", &program.process().to_string(), "--fsize=unlimited"])
        .status()
        .unwrap();
    assert!(more.success());
    program
        .journal_until(|(now, _, failing)| !failing && now > written + 5)
        .await;
    load.end().await;
    let ready = program.state("/readyz").await;
    assert_eq!(ready["journal"], "written", "{ready}");
    let status = timeout(PATIENCE, async {
        loop {
            let status = program.state("/api/status").await;
            if status["open"] == 0 {
                return status;
            }
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("every request should have been settled");
    assert_eq!(status["balanced"], true, "{status}");
    let diverged = status["counts"]["diverged"].as_u64().unwrap();
    let (written, ..) = program
        .journal_until(|(written, dropped, _)| written + dropped == diverged)
        .await;
    program.signal("TERM");
    assert!(program.ended().await.success());
    let contents = journal::read(&directory.path().join("journal")).unwrap();
    assert_eq!(
        contents.lines.len() as u64,
        written,
        "as many as were acknowledged"
    );
    assert!(contents.unreadable <= 1, "{}", contents.unreadable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_no_acknowledged_line_and_the_next_start_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let journal_directory = directory.path().join("journal");
    let (reference, candidate) = backends().await;
    let mut before = 0;
    for kill in 1..=3 {
        let recordings = directory.path().join(format!("recordings-{kill}"));
        let mut command = proxy();
        command.arg("--record").arg(&recordings);
        let program = start(command, directory.path(), &reference, &candidate);
        let load = Load::start(program.address, true);
        let (acknowledged, ..) = program.journal_until(|(written, ..)| written > 10).await;
        let status = program.state("/api/status").await;
        let recorded = status["recording"]["written"].as_u64().unwrap();
        program.signal("KILL");
        assert!(!program.ended().await.success());
        assert!(load.end().await > 0);
        let contents = journal::read(&journal_directory).unwrap();
        let lines = contents.lines.len() as u64;
        assert!(
            lines >= before + acknowledged,
            "{lines} lines, {before} before, {acknowledged} acknowledged"
        );
        assert!(contents.unreadable <= kill, "{}", contents.unreadable);
        before = lines;
        let recording = std::fs::read_dir(recordings).unwrap().next().unwrap();
        let corpus = Corpus::read(&recording.unwrap().path()).expect("what there is can be read");
        let steps = corpus.steps() as u64;
        assert!(recorded > 0 && steps >= recorded, "{steps} of {recorded}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_answers_finish_and_the_journal_keep_every_line() {
    let directory = tempfile::tempdir().unwrap();
    let (reference, candidate) = backends().await;
    let program = start(proxy(), directory.path(), &reference, &candidate);
    let load = Load::start(program.address, false);
    let (acknowledged, ..) = program.journal_until(|(written, ..)| written > 10).await;
    program.signal("TERM");
    assert!(program.ended().await.success());
    let answered = load.end().await;
    let contents = journal::read(&directory.path().join("journal")).unwrap();
    let lines = contents.lines.len() as u64;
    assert!(
        lines >= acknowledged && lines <= answered + 4,
        "{lines} of {answered}"
    );
    assert_eq!(contents.unreadable, 0);
}
