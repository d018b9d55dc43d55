//! `parity-cli noise` through the binary: it proposes, and puts nothing in force.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use parity::rules::Rules;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/orders")
}

fn noise(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .arg("noise")
        .args(arguments)
        .output()
        .unwrap()
}

/// The recording of the example service as a second run would have left it: other identifiers,
/// half a second later, and otherwise the same unless `change` says more.
fn recorded_again(to: &Path, change: impl Fn(&str) -> String) {
    fs::create_dir_all(to.join("exchanges")).unwrap();
    for name in ["manifest.json", "rules.toml"] {
        fs::copy(fixtures().join(name), to.join(name)).unwrap();
    }
    let text = fs::read_to_string(fixtures().join("exchanges/recorded.jsonl")).unwrap();
    let text = text
        .replace("c7dbdf64-a608-47d2", "01234567-89ab-4cde")
        .replace("b56cd5dd-7fa1-408a", "fedcba98-7654-4321")
        .replace("T22:40:15.", "T22:40:16.");
    fs::write(to.join("exchanges/recorded.jsonl"), change(&text)).unwrap();
}

/// Four orders for the same, as they were answered at this second with identifiers of this run.
fn recording(to: &Path, run: u32) {
    fs::create_dir_all(to.join("exchanges")).unwrap();
    let manifest = fs::read_to_string(fixtures().join("manifest.json")).unwrap();
    let manifest = manifest
        .replace("\"scenarios\": 1", "\"scenarios\": 4")
        .replace("\"steps\": 6", "\"steps\": 4");
    fs::write(to.join("manifest.json"), manifest).unwrap();
    let text = fs::read_to_string(fixtures().join("exchanges/recorded.jsonl")).unwrap();
    let line = text.lines().next().unwrap();
    let lines = (1..=4).map(|number| {
        line.replace("recorded/1", &format!("recorded/{number}"))
            .replace("c7dbdf64-a608", &format!("{run:08}-{number:04}"))
            .replace("T22:40:15.", &format!("T22:40:{}.", 15 + run))
            + "\n"
    });
    fs::write(
        to.join("exchanges/recorded.jsonl"),
        lines.collect::<String>(),
    )
    .unwrap();
}

/// The rules of the fixtures without those that were learnt.
fn without_rules(to: &Path) {
    let text = fs::read_to_string(fixtures().join("rules.toml")).unwrap();
    let kept = text.split("[[rule]]").next().unwrap();
    fs::write(to, kept).unwrap();
}

#[test]
fn two_recordings_give_proposals_that_no_rules_file_takes_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let [first, again] = ["first", "again"].map(|name| directory.path().join(name));
    recording(&first, 1);
    recording(&again, 2);
    let rules = first.join("rules.toml");
    without_rules(&rules);
    let before = fs::read(&rules).unwrap();
    let output = noise(&[first.to_str().unwrap(), "--again", again.to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let proposed: toml::Table = text.parse().unwrap();
    let proposed = proposed["rule"].as_array().unwrap();
    let created = proposed
        .iter()
        .find(|rule| rule["id"].as_str() == Some("create-created-at"))
        .unwrap_or_else(|| panic!("no rule for the time stamps in {text}"));
    assert_eq!(
        created["equivalence"]["time_window"]["seconds"].as_integer(),
        Some(1)
    );
    assert_eq!(created["evidence"]["n"].as_integer(), Some(4));
    assert_eq!(created["evidence"]["rate"].as_float(), Some(1.0));
    assert!(created["author"].as_str().unwrap().is_empty());
    let drawn = proposed
        .iter()
        .find(|rule| rule["id"].as_str() == Some("create-id"));
    let format = &drawn.unwrap()["equivalence"]["opaque"]["format"];
    assert_eq!(format.as_str(), Some("uuid"));
    // Proposals, not rules: nobody signed them, and nothing was written.
    let error = Rules::load(&text).unwrap_err().to_string();
    assert!(error.contains("`reason` is empty"), "{error}");
    assert_eq!(fs::read(&rules).unwrap(), before);
}

#[test]
fn what_rules_explain_is_not_proposed_and_what_none_explains_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let again = directory.path().join("again");
    recorded_again(&again, |text| {
        text.replace("\\\"total\\\":\\\"2.01\\\"", "\\\"total\\\":\\\"9.99\\\"")
    });
    let output = noise(&[
        fixtures().to_str().unwrap(),
        "--again",
        again.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("[[rule]]"), "{text}");
    assert!(
        text.contains("# not explained: create at Body `$.total`"),
        "{text}"
    );
}

#[test]
fn one_recording_or_none_in_common_is_nothing_to_learn_from() {
    let alone = noise(&[fixtures().to_str().unwrap()]);
    assert_eq!(alone.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("--again"));
    let directory = tempfile::tempdir().unwrap();
    let again = directory.path().join("again");
    recorded_again(&again, |text| text.replace("recorded/1", "another/1"));
    let output = noise(&[
        fixtures().to_str().unwrap(),
        "--again",
        again.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not in the second recording"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_reference_is_asked_twice() {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use futures::future::BoxFuture;
    use parity::exchange::{Headers, Request, Response};
    use parity_cli::http_server::{Handler, HttpServer};

    /// Answers every question with another number of twenty digits.
    struct Counting(AtomicU64);

    impl Handler for Counting {
        fn answer(&self, _: Request) -> BoxFuture<'_, Response> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                let body = format!(r#"{{"nonce": "{:020}"}}"#, number * 7_919);
                Response {
                    status: 200,
                    headers: Headers(vec![
                        ("content-type".to_owned(), b"application/json".to_vec()),
                        (
                            "content-length".to_owned(),
                            body.len().to_string().into_bytes(),
                        ),
                    ]),
                    body: body.into(),
                }
            })
        }
    }

    let asked = Arc::new(Counting(AtomicU64::new(1)));
    let server = HttpServer::start("127.0.0.1:0".parse().unwrap(), asked.clone())
        .await
        .unwrap();
    let url = format!("http://{}", server.address());
    let output = tokio::task::spawn_blocking(move || {
        noise(&[fixtures().to_str().unwrap(), "--reference", &url])
    })
    .await
    .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(asked.0.load(Ordering::Relaxed), 1 + 2 * 6);
    assert!(text.contains("format = \"digits\""), "{text}");
}
