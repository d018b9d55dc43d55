//! `parity-cli import` through the real binary: lossless, and all or nothing.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use parity::fixture::{Corpus, import_recordings};

const STEP: &str = r#"{"scenario": "g/one", "step": 1, "tags": ["ep:v2-score"], "clock": "2026-01-15T12:00:00Z", "sql_before": null, "request": {"method": "GET", "target": "/v2/%41?a=1", "headers": [["Host", "x"]], "body": null}, "response": {"status": 200, "headers": [], "body": "{\"a\": 1.10}"}, "effects": {"t": {"inserted": [{"id": 1, "n": "1.000", "j": {"x": 1e2}}]}}}"#;

/// A recording with these lines in one group.
fn recording(lines: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let exchanges = directory.path().join("exchanges");
    fs::create_dir(&exchanges).expect("a directory");
    fs::write(exchanges.join("g.jsonl"), lines.join("\n")).expect("a file");
    fs::write(directory.path().join("settings.env"), "SECRET_KEY=test\n").expect("a file");
    fs::write(directory.path().join("seed.sql"), "SELECT 1;\n").expect("a file");
    directory
}

fn import(recording: &Path, out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .arg("import")
        .arg(recording)
        .arg("--out")
        .arg(out)
        .output()
        .expect("the binary runs")
}

fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn fixtures_hold_everything_the_recording_held() {
    let recording = recording(&[STEP]);
    let target = tempfile::tempdir().unwrap();
    let out = target.path().join("deep/fixtures");
    let output = import(recording.path(), &out);
    assert_eq!(output.status.code(), Some(0), "{}", error_of(&output));
    let fixtures = Corpus::read(&out).unwrap();
    assert_eq!(fixtures, import_recordings(recording.path()).unwrap());
    assert_eq!(
        fixtures.settings,
        [("SECRET_KEY".to_owned(), "test".to_owned())]
    );
    assert_eq!(fixtures.seed.as_deref(), Some("SELECT 1;\n"));
}

#[test]
fn a_second_import_replaces_the_fixtures_and_keeps_the_rules() {
    let target = tempfile::tempdir().unwrap();
    let out = target.path().join("fixtures");
    assert!(
        import(
            recording(&[STEP, &STEP.replace("g/one", "g/two")]).path(),
            &out
        )
        .status
        .success()
    );
    fs::write(out.join("rules.toml"), "# ours\n").unwrap();
    assert!(import(recording(&[STEP]).path(), &out).status.success());
    assert_eq!(Corpus::read(&out).unwrap().steps(), 1);
    assert_eq!(
        fs::read_to_string(out.join("rules.toml")).unwrap(),
        "# ours\n"
    );
    let left: Vec<_> = fs::read_dir(target.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_broken_line_is_named_and_nothing_is_written() {
    let broken = STEP.replace("\"status\": 200", "\"status\": \"ok\"");
    let recording = recording(&[STEP, &broken]);
    let target = tempfile::tempdir().unwrap();
    let output = import(recording.path(), &target.path().join("fixtures"));
    assert_eq!(output.status.code(), Some(64));
    let error = error_of(&output);
    assert!(
        error.contains("g.jsonl:2:") && error.contains("expected"),
        "{error}"
    );
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_with_other_content_is_not_replaced() {
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("thesis.txt"), "precious").unwrap();
    let output = import(recording(&[STEP]).path(), target.path());
    assert_eq!(output.status.code(), Some(64));
    assert!(error_of(&output).contains("neither empty nor a set of fixtures"));
    assert!(target.path().join("thesis.txt").exists());
}

#[test]
fn a_directory_without_recordings_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let output = import(empty.path(), &empty.path().join("out"));
    assert_eq!(output.status.code(), Some(64));
    assert!(
        error_of(&output).contains("exchanges"),
        "{}",
        error_of(&output)
    );
    assert!(!empty.path().join("out").exists());
}
