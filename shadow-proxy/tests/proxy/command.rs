//! The binary: `check`, a configuration read again, and the stage over a restart.

use serde_json::json;
use tokio::time::{Duration, sleep};

use crate::{
    program::Program,
    replica::{run, start},
    support::{Backend, get},
};

fn config(reference: &Backend, more: &str) -> String {
    format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
         [stage]\nstate_file = \"stage.json\"\n[reference]\nurl = \"{}\"\n{more}",
        reference.url()
    )
}

fn answer(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn says(replica: &Program, wanted: &str) {
    for _ in 0..1000 {
        if get(replica.address, "/").await.ends_with(wanted) {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("never answers {wanted}");
}

#[tokio::test]
async fn check_explains_what_is_right_and_names_what_is_wrong() {
    let reference = Backend::answering(&answer("ok")).await;
    let directory = tempfile::tempdir().unwrap();
    let check = |text: &str| run(directory.path(), text, "", &["check"]);
    let right = check(&config(
        &reference,
        "[candidate]\nkind = \"http\"\nurl = \"http://c\"\n",
    ));
    let said = String::from_utf8(right.stdout).unwrap();
    assert!(
        right.status.success() && said.contains(&reference.url()),
        "{said}"
    );
    assert!(said.contains("at most 258 MiB of bodies"), "{said}");
    for (more, named) in [
        ("[mirror]\nrait = 1.0\n", "rait"),
        ("[mirror]\nrate = 2.0\n", "mirror.rate"),
        ("[mirror]\nbusy_share = -0.1\n", "mirror.busy_share"),
        ("connect_timeout = \"5 days\"\n", "5 days"),
        ("rewrite = 1\n", "rewrite"),
        ("[sink]\nurl_env = \"X\"\nkeep = 0\n", "sink.keep"),
        ("[recording]\nrate = 7\n", "recording.rate"),
    ] {
        let wrong = check(&config(&reference, more));
        let said = String::from_utf8(wrong.stderr).unwrap();
        assert!(
            !wrong.status.success() && said.contains(named),
            "{more}: {said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
    assert!(
        reference.arrived().is_empty(),
        "a check connects to nothing"
    );
}

#[tokio::test]
async fn a_hangup_reads_the_configuration_again_and_keeps_the_old_one_if_it_is_wrong() {
    let (old, new) = (
        Backend::answering(&answer("old")).await,
        Backend::answering(&answer("new")).await,
    );
    let directory = tempfile::tempdir().unwrap();
    let replica = start(directory.path(), "one", &config(&old, ""), "");
    let file = directory.path().join("one.toml");
    says(&replica, "old").await;
    std::fs::write(&file, config(&new, "[mirror]\nrait = 1.0\n")).unwrap();
    replica.signal("HUP");
    replica.has_logged("the configuration in force stays").await;
    says(&replica, "old").await;
    std::fs::write(&file, config(&new, "")).unwrap();
    replica.signal("HUP");
    says(&replica, "new").await;
}

#[tokio::test]
async fn the_stage_survives_kill_9() {
    let reference = Backend::answering(&answer("reference")).await;
    let candidate = Backend::answering(&answer("candidate")).await;
    let directory = tempfile::tempdir().unwrap();
    let more = format!(
        "[candidate]\nkind = \"http\"\nurl = \"{}\"\n",
        candidate.url()
    );
    let config = config(&reference, &more);
    let replica = start(directory.path(), "one", &config, "");
    let cutover = json!({"stage": "cutover", "actor": "ann", "reason": "all pass"});
    assert_eq!(
        replica.tell("/api/stage", &cutover).await["persisted"],
        true
    );
    replica.signal("KILL");
    drop(replica);
    let replica = start(directory.path(), "one", &config, "");
    says(&replica, "candidate").await;
    assert_eq!(replica.ask("/api/audit").await["audit"][0]["actor"], "ann");
    replica.tell("/api/kill", &json!({"reason": "fire"})).await;
    says(&replica, "reference").await;
    replica.signal("KILL");
    drop(replica);
    let replica = start(directory.path(), "one", &config, "");
    assert_eq!(replica.ask("/api/status").await["stage"], "off");
}

#[tokio::test]
async fn replicas_draw_the_same_users_for_the_mirror_and_for_the_canary() {
    let reference = Backend::answering(&answer("reference")).await;
    let candidate = Backend::answering(&answer("candidate")).await;
    let directory = tempfile::tempdir().unwrap();
    let more = format!(
        "[candidate]\nkind = \"http\"\nurl = \"{}\"\n[mirror]\nrate = 0.5\n",
        candidate.url()
    );
    let text = |state: &str| config(&reference, &more).replace("stage.json", state);
    let one = start(directory.path(), "one", &text("one.json"), "");
    let two = start(directory.path(), "two", &text("two.json"), "");
    let canary = json!({"stage": "canary", "percent": 30.0, "actor": "ann", "reason": "go"});
    let mut served = Vec::new();
    for replica in [&one, &two] {
        replica.tell("/api/stage", &canary).await;
        let mut sides = Vec::new();
        for n in 0..60 {
            let answer = replica
                .send(&format!("/internal/stake/gtc/0x{n:040x}"))
                .await;
            sides.push(answer.ends_with("candidate"));
        }
        served.push(sides);
    }
    assert_eq!(served[0], served[1], "whoever answers");
    let share = served[0].iter().filter(|candidate| **candidate).count();
    assert!((6..=32).contains(&share), "{share} of 60 for 30 %");
    let counts = async |replica: &Program| {
        let status = replica
            .until("/api/status", |status| status["open"] == 0)
            .await;
        (
            status["counts"]["compared"].clone(),
            status["counts"]["sampled_out"].clone(),
        )
    };
    assert_eq!(counts(&one).await, counts(&two).await);
}
