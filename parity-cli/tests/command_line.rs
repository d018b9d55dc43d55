//! The binary as scripts see it: exit codes, and what goes to which stream.

use std::process::{Command, Output};

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
