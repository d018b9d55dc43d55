//! Several replicas with one sink: their findings are one, whatever happens to a replica or to the
//! database.

use std::{collections::HashSet, path::Path};

use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    program::Program,
    replica::{Database, Relay, run, start},
    support::Backend,
};

const OK: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
const OTHER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";
const ROUTE: &str = "embed-weights";

/// Two backends that always differ, and what replicas in front of them are configured with.
struct Scene {
    reference: Backend,
    candidate: Backend,
    directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self {
            reference: Backend::answering(OK).await,
            candidate: Backend::answering(OTHER).await,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn config(&self, replica: &str, sink: &str) -> String {
        let (reference, candidate) = (self.reference.url(), self.candidate.url());
        format!(
            r#"
            [listen]
            address = "127.0.0.1:0"
            [admin]
            address = "127.0.0.1:0"
            [reference]
            url = "{reference}"
            [candidate]
            kind = "http"
            url = "{candidate}"
            [mirror]
            busy_share = 1.0
            [sink]
            url_env = "SINK_URL"
            replica = "{replica}"
            interval = "50ms"
            {sink}
            "#
        )
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn start(&self, name: &str, sink: &str, database: &str) -> Program {
        start(self.path(), name, &self.config(name, sink), database)
    }

    fn migrate(&self, database: &str) {
        let output = run(
            self.path(),
            &self.config("once", ""),
            database,
            &["sink", "migrate"],
        );
        assert!(output.status.success(), "{output:?}");
    }
}

fn target(name: &str) -> String {
    format!("/internal/embed/weights?n={name}&token=CANARY-5d")
}

/// What a replica says of the route, over all replicas.
fn counted(verdicts: &Value) -> (u64, u64, u64) {
    let of_route = |list: &str| {
        let all = verdicts[list].as_array().unwrap().iter();
        all.clone().find(|one| one["route"] == ROUTE).cloned()
    };
    let counts = of_route("counts").map(|one| one["counts"].clone());
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let judged = of_route("routes").unwrap();
    (
        number(&counts.clone().unwrap_or_default()["seen"]),
        number(&counts.unwrap_or_default()["diverged"]),
        number(&judged["counts"]["candidate"]["diverged"]),
    )
}

/// Every divergence in the database by its run, and the targets of their requests.
async fn kept(database: &Database) -> Vec<(String, String)> {
    let rows = sqlx::query("SELECT run, line FROM shadow_proxy.divergence ORDER BY entry")
        .fetch_all(&mut database.connect().await)
        .await
        .unwrap();
    let line = |row: &sqlx::postgres::PgRow| -> (String, String) {
        let line: String = row.get("line");
        assert!(!line.contains("CANARY"), "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        let target = line["request"]["target"].as_str().unwrap().to_owned();
        (row.get("run"), target)
    };
    rows.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_killed_on_the_way_costs_nothing_that_was_acknowledged_and_nothing_counts_twice()
{
    let scene = Scene::new().await;
    let database = Database::new("killed").await;
    let relay = Relay::to(&database).await;
    scene.migrate(&relay.url);
    let one = scene.start("one", "", &relay.url);
    let two = scene.start("two", "", &relay.url);
    for n in 0..20 {
        one.send(&target(&format!("one-{n}"))).await;
        two.send(&target(&format!("two-{n}"))).await;
    }
    for replica in [&one, &two] {
        let verdicts = replica
            .until("/api/verdicts", |told| counted(told) == (40, 40, 40))
            .await;
        assert_eq!(verdicts["replicas"], 2);
        let clusters = replica
            .until("/api/clusters", |told| {
                told["clusters"][0]["cluster"]["requests"] == 40
            })
            .await;
        let clusters = clusters["clusters"].as_array().unwrap();
        assert_eq!(clusters.len(), 1, "one cause, whoever saw it: {clusters:?}");
        let id = clusters[0]["cluster"]["id"].as_str().unwrap();
        let path = format!("/api/divergences?cluster={id}&limit=100");
        let shown = replica
            .until(&path, |told| {
                told["divergences"].as_array().unwrap().len() == 40
            })
            .await;
        assert!(shown.to_string().contains("n=one-3") && shown.to_string().contains("n=two-3"));
    }

    // Killed while requests are on their way through it.
    let address = one.address;
    let sending = tokio::spawn(async move {
        for n in 20..2000 {
            let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else {
                return;
            };
            let request = format!(
                "GET {} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                target(&format!("one-{n}"))
            );
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await;
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await;
        }
    });
    let before = one
        .until("/api/status", |status| {
            status["sink"]["written"].as_u64() > Some(30)
        })
        .await;
    one.signal("KILL");
    sending.await.unwrap();
    drop(one);
    let acknowledged = before["sink"]["written"].as_u64().unwrap();
    let kept_of_one = kept(&database).await;
    let kept_of_one = kept_of_one
        .iter()
        .filter(|(_, target)| target.contains("n=one-"))
        .count() as u64;
    assert!(
        kept_of_one >= acknowledged,
        "{kept_of_one} < {acknowledged}"
    );

    // What the killed run left stands, counts at least as much as lines; a new run under the same
    // name adds to it.
    let settled = two
        .until("/api/verdicts", |told| {
            counted(told).2 >= 20 + kept_of_one && counted(told).1 >= 20 + acknowledged
        })
        .await;
    let (_, _, judged) = counted(&settled);
    let again = scene.start("one", "", &relay.url);
    for n in 0..10 {
        again.send(&target(&format!("again-{n}"))).await;
    }
    for replica in [&again, &two] {
        let verdicts = replica
            .until("/api/verdicts", |told| counted(told).2 == judged + 10)
            .await;
        assert_eq!(verdicts["replicas"], 2, "one and two");
    }
    again
        .until("/api/status", |status| status["sink"]["written"] == 10)
        .await;
    let kept = kept(&database).await;
    let different: HashSet<&String> = kept.iter().map(|(_, target)| target).collect();
    assert_eq!(different.len(), kept.len(), "none was written twice");
    let runs: HashSet<&String> = kept.iter().map(|(run, _)| run).collect();
    assert_eq!(runs.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_users_notice_nothing_and_the_buffer_is_bounded() {
    let scene = Scene::new().await;
    let database = Database::new("away").await;
    let relay = Relay::to(&database).await;
    scene.migrate(&relay.url);
    let patient = scene.start("patient", "", &relay.url);
    let small = scene.start("small", "buffer = \"4KiB\"", &relay.url);
    for (name, replica) in [("patient", &patient), ("small", &small)] {
        replica.send(&target(&format!("{name}-before"))).await;
        replica
            .until("/api/status", |status| status["sink"]["written"] == 1)
            .await;
    }
    relay.cut();
    for (name, replica) in [("patient", &patient), ("small", &small)] {
        replica
            .until("/api/status", |status| status["sink"]["state"] == "down")
            .await;
        for n in 0..20 {
            let answer = replica.send(&target(&format!("{name}-{n}"))).await;
            assert!(answer.ends_with("{}"), "{answer}");
        }
        let status = replica
            .until("/api/status", |status| status["counts"]["diverged"] == 21)
            .await;
        let (waiting, dropped) = (&status["sink"]["waiting"], &status["sink"]["dropped"]);
        if name == "patient" {
            assert_eq!((waiting, dropped), (&json!(20), &json!(0)));
        } else {
            let (waiting, dropped) = (waiting.as_u64().unwrap(), dropped.as_u64().unwrap());
            assert_eq!(waiting + dropped, 20, "{status}");
            assert!(waiting > 0 && dropped > 0, "{status}");
        }
    }
    relay.restore();
    let mut written = 0;
    for replica in [&patient, &small] {
        let status = replica
            .until("/api/status", |status| {
                status["sink"]["state"] == "up" && status["sink"]["waiting"] == 0
            })
            .await;
        let number = |key: &str| status["sink"][key].as_u64().unwrap();
        assert_eq!(number("written") + number("dropped"), 21, "{status}");
        written += number("written");
        // Counts lose nothing by a line that found no room.
        replica
            .until("/api/verdicts", |told| counted(told) == (42, 42, 42))
            .await;
    }
    let kept = kept(&database).await;
    let different: HashSet<&String> = kept.iter().map(|(_, target)| target).collect();
    assert_eq!(
        (kept.len() as u64, different.len() as u64),
        (written, written)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_change_of_stage_holds_for_all_and_the_kill_switch_needs_nobody() {
    let scene = Scene::new().await;
    let database = Database::new("stages").await;
    let (to_one, to_two) = (Relay::to(&database).await, Relay::to(&database).await);
    scene.migrate(&to_one.url);
    let one = scene.start("one", "", &to_one.url);
    let two = scene.start("two", "", &to_two.url);
    let alone = scene.start("alone", "share_stage = false", &to_one.url);
    let stage = |stage: &str| json!({"stage": stage, "actor": "ann", "reason": "the ladder"});
    let is = |stage: &'static str| move |status: &Value| status["stage"] == stage;

    let told = one.tell("/api/stage", &stage("cutover")).await;
    assert_eq!(told["shared"], true, "{told}");
    two.until("/api/status", is("cutover")).await;
    let audit = two.ask("/api/audit").await;
    assert_eq!(audit["audit"][0]["actor"], "ann", "{audit}");
    assert!(two.send("/").await.ends_with("{\"a\": 1}"));
    let told = two.tell("/api/kill", &json!({"reason": "drill"})).await;
    assert_eq!(
        (&told["stage"], &told["shared"]),
        (&json!("off"), &json!(true))
    );
    one.until("/api/status", is("off")).await;
    assert!(one.send("/").await.ends_with("{}"));

    // Without the database the switch works where it is pressed, and says so.
    one.tell("/api/stage", &stage("cutover")).await;
    two.until("/api/status", is("cutover")).await;
    to_two.cut();
    let told = two.tell("/api/kill", &json!({"reason": "fire"})).await;
    assert_eq!(
        (&told["stage"], &told["shared"]),
        (&json!("off"), &json!(false))
    );
    assert!(two.send("/").await.ends_with("{}"));
    one.tell("/api/stage", &stage("reverse-shadow")).await;
    to_two.restore();
    two.until("/api/status", |status| status["sink"]["state"] == "up")
        .await;
    assert_eq!(two.ask("/api/status").await["stage"], "off");
    let told = two.tell("/api/stage", &stage("shadow")).await;
    assert_eq!(told["shared"], true, "{told}");
    one.until("/api/status", is("shadow")).await;
    one.tell("/api/stage", &stage("cutover")).await;
    two.until("/api/status", is("cutover")).await;

    // One that starts later begins where the others are.
    let late = scene.start("late", "", &to_one.url);
    late.until("/api/status", is("cutover")).await;
    let told = alone.tell("/api/stage", &stage("off")).await;
    assert_eq!(told["shared"], Value::Null, "{told}");
    assert_eq!(one.ask("/api/status").await["stage"], "cutover");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_fails_on_one_replica_loses_the_users_of_all() {
    let mut scene = Scene::new().await;
    let failing = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
    scene.candidate = Backend::answering(failing).await;
    let database = Database::new("step_back").await;
    let relay = Relay::to(&database).await;
    scene.migrate(&relay.url);
    let stage = "[stage]\ninitial = \"cutover\"\n[stage.step_back]\nmin_requests = 10";
    let one = scene.start("one", stage, &relay.url);
    let two = scene.start("two", stage, &relay.url);
    assert!(two.send("/").await.starts_with("HTTP/1.1 500"));
    for _ in 0..10 {
        one.send("/").await;
    }
    for replica in [&one, &two] {
        replica
            .until("/api/status", |status| status["stage"] == "shadow")
            .await;
        let audit = replica.ask("/api/audit").await;
        assert_eq!(audit["audit"][0]["actor"], "step-back", "{audit}");
        assert!(replica.send("/").await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_made_on_command_alone_and_never_beside_the_service() {
    let scene = Scene::new().await;
    let database = Database::new("tables").await;
    let relay = Relay::to(&database).await;
    let replica = scene.start("early", "", &relay.url);
    replica.send(&target("early")).await;
    replica
        .until("/api/status", |status| status["sink"]["waiting"] == 1)
        .await;
    let mut connection = database.connect().await;
    let schema = sqlx::query("SELECT to_regnamespace('shadow_proxy') IS NULL");
    assert!(
        schema
            .fetch_one(&mut connection)
            .await
            .unwrap()
            .get::<bool, _>(0)
    );
    sqlx::query("CREATE TABLE django_migrations (id integer)")
        .execute(&mut connection)
        .await
        .unwrap();
    let config = scene.config("once", "");
    let output = run(scene.path(), &config, &relay.url, &["sink", "migrate"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("database of its own"),
        "{said}"
    );
    sqlx::query("DROP TABLE django_migrations")
        .execute(&mut connection)
        .await
        .unwrap();
    scene.migrate(&relay.url);
    scene.migrate(&relay.url);
    replica
        .until("/api/status", |status| status["sink"]["written"] == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_runs_are_shown_and_removed_with_all_that_hangs_on_them_only_when_confirmed() {
    let scene = Scene::new().await;
    let database = Database::new("prune").await;
    let relay = Relay::to(&database).await;
    scene.migrate(&relay.url);
    for name in ["old", "new"] {
        let replica = scene.start(name, "", &relay.url);
        replica.send(&target(name)).await;
        replica
            .until("/api/status", |status| status["sink"]["written"] == 1)
            .await;
    }
    let mut connection = database.connect().await;
    let aged =
        "UPDATE shadow_proxy.run SET last_seen = now() - interval '40 days' WHERE replica = 'old'";
    assert_eq!(
        sqlx::query(aged)
            .execute(&mut connection)
            .await
            .unwrap()
            .rows_affected(),
        1
    );
    let mut left = async || {
        let mut left = Vec::new();
        for table in ["run", "route", "signature", "divergence"] {
            let count = format!("SELECT count(*) FROM shadow_proxy.{table}");
            let row = sqlx::query(sqlx::AssertSqlSafe(count)).fetch_one(&mut connection);
            left.push(row.await.unwrap().get::<i64, _>(0));
        }
        left
    };
    let config = scene.config("once", "");
    let prune = |arguments: &[&str]| {
        let output = run(
            scene.path(),
            &config,
            &relay.url,
            &[&["sink", "prune"], arguments].concat(),
        );
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };

    let (done, said) = prune(&["--older-than", "30d"]);
    assert!(
        done && said.contains("of replica old") && !said.contains("of replica new"),
        "{said}"
    );
    assert!(
        said.contains("1 routes, 1 signatures, 1 divergences, counted"),
        "{said}"
    );
    assert!(said.contains("1 silent runs; nothing is removed"), "{said}");
    let (done, said) = prune(&["--older-than", "41d", "--confirm"]);
    assert!(
        done && said.contains("0 of 0 silent runs removed"),
        "{said}"
    );
    for short in ["23h", "1"] {
        assert!(!prune(&["--older-than", short, "--confirm"]).0, "{short}");
    }
    assert_eq!(left().await, [2, 2, 2, 2]);

    let (done, said) = prune(&["--older-than", "30d", "--confirm"]);
    assert!(
        done && said.contains("1 of 1 silent runs removed"),
        "{said}"
    );
    assert_eq!(left().await, [1, 1, 1, 1]);
}
