//! The served program while what it depends on goes away, and while it is told to stop or killed.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use sqlx::{AssertSqlSafe, PgPool};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    restartable::{Ending, PATIENCE, Restartable},
    world::World,
};

pub(crate) const SEED: &str = include_str!("../../../fixtures/passport/seed.sql");
pub(crate) const ADDRESS: &str = "0xc9c46882915370c8d324505cd88cde3e7caf2b4a";
const INTERNAL_TOKEN: &str = "oracle-internal-api-key";
/// Of an account with a rate limit, which needs Redis.
pub(crate) const API_KEY: &str = "Ga8856f6.efc6558d184cc822b39c34d4e848cf26";

async fn seeded() -> Restartable {
    Restartable::start(async |pool: &PgPool| {
        sqlx::raw_sql(AssertSqlSafe(SEED))
            .execute(pool)
            .await
            .unwrap();
    })
    .await
}

/// The program on free ports.
pub(crate) struct Scorer {
    process: Child,
    pub(crate) address: SocketAddr,
    metrics: SocketAddr,
    log: Arc<Mutex<String>>,
    /// Of the log, to its end.
    reader: Option<JoinHandle<()>>,
}

/// The program with its settings.
pub(crate) fn program(database: &str, redis: Option<&Redis>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scorer"));
    command
        .env_clear()
        .env("SECRET_KEY", "a-key-for-tests")
        .env("CGRANTS_API_TOKEN", INTERNAL_TOKEN)
        .env("CERAMIC_CACHE_SCORER_ID", "1")
        .env(
            "TRUSTED_IAM_ISSUERS",
            r#"["did:ethr:0x018d103c154748e8d5a1d7658185125175457f84"]"#,
        )
        .env("FF_V2_API", "on")
        .env("RATELIMIT_ENABLE", "true")
        .env("ALLOWED_HOSTS", r#"["*"]"#)
        .env("DEBUG", "off")
        .env("SCORER_LISTEN", "127.0.0.1:0")
        .env("SCORER_METRICS_LISTEN", "127.0.0.1:0")
        .env("DATABASE_URL", database);
    if let Some(redis) = redis {
        command.env("CELERY_BROKER_URL", &redis.url);
    }
    command
}

impl Scorer {
    fn start(database: &Restartable, redis: Option<&Redis>) -> Self {
        Self::run(program(&database.url(), redis))
    }

    /// Starts it, and waits until it serves.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&log);
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok).inspect(move |line| {
            let mut kept = kept.lock().unwrap();
            kept.push_str(line);
            kept.push('\n');
        });
        let serving = lines
            .by_ref()
            .map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap())
            .find(|line| line["message"] == "serving")
            .expect("the scorer should serve");
        // A full pipe would hold the program up.
        let reader = std::thread::spawn(move || lines.for_each(drop));
        let address = |name: &str| serving[name].as_str().unwrap().parse().unwrap();
        Self {
            address: address("address"),
            metrics: address("metrics"),
            process,
            log,
            reader: Some(reader),
        }
    }

    /// What it has said, and goes on to say.
    pub(crate) fn log(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub(crate) async fn ended(mut self) -> std::process::ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.process.try_wait().unwrap() {
                    return status;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let status = timeout(PATIENCE, ended).await;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status.expect("the scorer should end")
    }

    async fn internal(&self) -> String {
        let target = format!("/internal/score/v2/1/{ADDRESS}");
        ask(
            self.address,
            &target,
            &format!("Authorization: {INTERNAL_TOKEN}\r\n"),
        )
        .await
        .unwrap()
    }

    async fn v2(&self) -> String {
        let target = format!("/v2/stamps/1/score/{ADDRESS}");
        ask(self.address, &target, &format!("X-API-Key: {API_KEY}\r\n"))
            .await
            .unwrap()
    }

    async fn ready(&self) -> String {
        ask(self.address, "/ready", "").await.unwrap()
    }

    /// Waits until the service says that it is ready again.
    pub(crate) async fn recovered(&self) {
        let recovered = async {
            while !self.ready().await.starts_with("HTTP/1.1 200") {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, recovered).await.expect("ready again");
    }

    pub(crate) async fn metrics(&self) -> String {
        ask(self.metrics, "/metrics", "").await.unwrap()
    }

    async fn is_up(&self, dependency: &str) -> bool {
        let metrics = self.metrics().await;
        let line = format!("scorer_dependency_up{{dependency=\"{dependency}\"}} ");
        let at = metrics.find(&line).expect("the metric") + line.len();
        metrics[at..].starts_with('1')
    }
}

/// One request on a connection of its own; what came back before the end of it.
async fn ask(address: SocketAddr, target: &str, fields: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    match read.expect("an end") {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8(answer).unwrap()),
    }
}

/// The parts of a score that do not tell the time.
fn score(answer: &str) -> Option<[String; 4]> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200") {
        return None;
    }
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(["address", "score", "error", "stamps"].map(|member| body[member].to_string()))
}

pub(crate) struct Redis {
    process: Child,
    url: String,
}

impl Redis {
    fn start(port: u16) -> Self {
        Self::run(&[], format!("redis://127.0.0.1:{port}/0"), port)
    }

    pub(crate) fn with_password(port: u16, password: &str) -> Self {
        let url = format!("redis://:{password}@127.0.0.1:{port}/0");
        Self::run(&["--requirepass", password], url, port)
    }

    fn run(arguments: &[&str], url: String, port: u16) -> Self {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string()])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server cannot be started: apt-get install redis-server");
        Self { process, url }
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Scorer {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_away_is_said_and_what_comes_back_is_used() {
    let mut database = seeded().await;
    let port = free_port();
    let redis = Redis::start(port);
    let scorer = Scorer::start(&database, Some(&redis));
    scorer.recovered().await;
    let expected = score(&scorer.internal().await).expect("a score");
    assert_eq!(score(&scorer.v2().await).as_ref(), Some(&expected));
    assert!(scorer.is_up("database").await && scorer.is_up("cache").await);

    for ending in [Ending::Killed, Ending::Fast] {
        database.end(ending).await;
        let answer = scorer.internal().await;
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        let ready = scorer.ready().await;
        assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
        assert!(ready.ends_with("the database does not answer"), "{ready}");
        assert!(!scorer.is_up("database").await && scorer.is_up("cache").await);
        database.resume().await;
        scorer.recovered().await;
        assert_eq!(score(&scorer.internal().await).as_ref(), Some(&expected));
        assert!(scorer.is_up("database").await);
    }

    drop(redis);
    let answer = scorer.v2().await;
    assert!(answer.starts_with("HTTP/1.1 500"), "no free pass: {answer}");
    assert_eq!(
        score(&scorer.internal().await).as_ref(),
        Some(&expected),
        "needs no Redis"
    );
    let ready = scorer.ready().await;
    assert!(ready.ends_with("the cache does not answer"), "{ready}");
    assert!(scorer.is_up("database").await && !scorer.is_up("cache").await);
    let _redis = Redis::start(port);
    scorer.recovered().await;
    assert_eq!(score(&scorer.v2().await).as_ref(), Some(&expected));
}

/// Whether the answer is as long as it says.
fn is_whole(answer: &str) -> bool {
    answer.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .and_then(|length| length.parse().ok());
        length == Some(body.len())
    })
}

/// Asks again and again until nobody answers; every answer that is whole is right, and only a kill
/// may break one off.
async fn insist(
    address: SocketAddr,
    may_break_off: bool,
    expected: Arc<[String; 4]>,
    answered: Arc<AtomicUsize>,
) {
    let target = format!("/internal/score/v2/1/{ADDRESS}");
    let token = format!("Authorization: {INTERNAL_TOKEN}\r\n");
    while let Ok(answer) = ask(address, &target, &token).await {
        if answer.is_empty() || (may_break_off && !is_whole(&answer)) {
            return;
        }
        assert_eq!(score(&answer).as_ref(), Some(&*expected), "{answer}");
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

async fn answered_by(count: &AtomicUsize, wanted: usize) {
    let reached = async {
        while count.load(Ordering::Relaxed) < wanted {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect("a load");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_breaks_no_answer_off_and_a_kill_leaves_rows_that_the_next_start_goes_on_with() {
    let database = seeded().await;
    let first = Scorer::start(&database, None);
    first.recovered().await;
    let expected = Arc::new(score(&first.internal().await).expect("a score"));
    for signal in ["TERM", "KILL"] {
        let scorer = Scorer::start(&database, None);
        scorer.recovered().await;
        let answered = Arc::<AtomicUsize>::default();
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let (expected, answered) = (Arc::clone(&expected), Arc::clone(&answered));
                tokio::spawn(insist(scorer.address, signal == "KILL", expected, answered))
            })
            .collect();
        answered_by(&answered, 20).await;
        scorer.signal(signal);
        if signal == "TERM" {
            assert!(scorer.ended().await.success());
        } else {
            assert!(!scorer.ended().await.success());
        }
        for client in clients {
            client.await.expect("only whole and right answers");
        }
        assert_eq!(score(&first.internal().await).as_ref(), Some(&*expected));
    }
    let pool = PgPool::connect_lazy(&database.url()).unwrap();
    let rows = format!("registry_passport WHERE address = '{ADDRESS}' AND community_id = 1");
    assert_eq!(World::count_in(&pool, &rows).await, 1);
    let whole = format!(
        "registry_score s JOIN registry_passport p ON p.id = s.passport_id
         WHERE p.address = '{ADDRESS}' AND p.community_id = 1 AND s.status = 'DONE'"
    );
    assert_eq!(World::count_in(&pool, &whole).await, 1);
    pool.close().await;
}
