//! The binary as scripts see it: exit codes, and what goes to which stream.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
};

fn parity_cli(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

#[test]
fn an_unknown_argument_is_a_usage_error_on_standard_error() {
    let output = parity_cli(&["--no-such-option"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--no-such-option"));
}

#[test]
fn help_documents_every_exit_code() {
    let output = parity_cli(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8_lossy(&output.stdout);
    for code in ["0   ", "1   ", "2   ", "3   ", "64  ", "70  "] {
        assert!(help.contains(&format!("\n  {code}")), "{code} in {help}");
    }
}

#[test]
fn help_of_every_subcommand_shows_how_it_is_called() {
    let help = |arguments: &[&str]| {
        let output = parity_cli(&[arguments, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let all = help(&[]);
    let (_, commands) = all.split_once("Commands:").expect("a list of commands");
    let names: Vec<&str> = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        // What continues a description stands further in.
        .filter_map(|line| line.strip_prefix("  "))
        .filter_map(|line| line.split(' ').next())
        .filter(|&name| !name.is_empty() && name != "help")
        .collect();
    assert_eq!(names.len(), 14, "{names:?}");
    for name in names {
        let text = help(&[name]);
        assert!(
            text.contains(&format!("parity-cli {name}")),
            "{name}: {text}"
        );
        assert!(text.contains("Example"), "{name}: {text}");
    }
}

#[test]
fn what_is_not_read_by_a_person_has_no_colours() {
    let broken = parity_cli(&["replay", "/nowhere"]);
    assert_eq!(broken.status.code(), Some(64));
    let error = String::from_utf8_lossy(&broken.stderr);
    assert!(error.starts_with("error: "), "{error}");
    // It says what to do.
    assert!(error.contains("parity-cli import"), "{error}");
    let help = parity_cli(&["replay", "--help"]);
    for text in [&broken.stderr, &broken.stdout, &help.stdout] {
        assert!(!text.contains(&0x1b), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn completions_name_the_subcommands() {
    let output = parity_cli(&["completions", "bash"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("completions"));
}

#[test]
fn manual_pages_are_written_per_subcommand() {
    let out = tempfile::tempdir().unwrap();
    let directory = out.path().join("man1");
    let output = parity_cli(&["man", "--out", &directory.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(directory.join("parity-cli.1").exists());
    assert!(directory.join("parity-cli-completions.1").exists());
}

/// Runs a small demo and gives its exit code and its summary.
fn demo(arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
    let out = tempfile::tempdir().expect("a temporary directory");
    let directory = out.path().join("report");
    let report = ["--report-dir", &*directory.to_string_lossy()];
    let output = parity_cli(&[&["--json", "demo"], &report[..], arguments].concat());
    let summary: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
        });
    let page =
        std::fs::read_to_string(directory.join("report.html")).expect("the demo wrote its page");
    for cluster in summary["clusters"].as_array().expect("a list") {
        let route = cluster["route"].as_str().expect("a name");
        assert!(page.contains(route), "{route} is not in the report");
    }
    (output.status.code(), summary)
}

#[test]
fn the_demo_of_a_clean_scorer_finds_nothing_and_accounts_for_every_request() {
    let out = tempfile::tempdir().unwrap();
    let report = out.path().to_string_lossy();
    let arguments = [
        "demo",
        "--requests",
        "40",
        "--clean",
        "--report-dir",
        &report,
    ];
    let output = parity_cli(&arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for line in [
        "40 requests answered through the proxy",
        ", 0 of them altered by it",
        ", 0 diverged",
        "accounts: 40 seen = every one of the above, none missing: yes",
        "report.html",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn the_demo_finds_exactly_the_faults_that_are_switched_on_half_way() {
    let (code, summary) = demo(&["--requests", "160"]);
    assert_eq!(code, Some(0), "{summary:#}");
    assert_eq!(summary["half_way"]["diverged"], 0);
    let struck = summary["seeded_faults"].as_object().expect("by fault");
    let spoilt: u64 = struck.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(struck.len(), 3);
    assert_eq!(summary["proxy"]["diverged"], spoilt);
    assert_eq!(summary["clusters"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_demo_too_short_to_show_the_faults_does_not_claim_that_they_were_found() {
    let (code, summary) = demo(&["--requests", "2"]);
    assert_eq!(code, Some(2), "{summary:#}");
    assert_eq!(
        summary["faults_without_a_request"].as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn an_interrupted_demo_stops_what_it_started() {
    let temporary = tempfile::tempdir().unwrap();
    // The server of an installed PostgreSQL runs as another user where this runs as root.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(temporary.path(), open).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .args(["demo", "--report-dir", "unused"])
        .env("TMPDIR", temporary.path())
        .current_dir(temporary.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let ready = lines.any(|line| line.is_ok_and(|line| line.starts_with("sent ")));
    assert!(ready, "it sends requests");
    let id = child.id().to_string();
    let told = Command::new("kill").args(["-INT", &id]).status();
    assert!(told.expect("kill runs").success());
    assert_eq!(child.wait().unwrap().code(), Some(70));
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
