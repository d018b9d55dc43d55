//! A reproduction on disk.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use chrono::SecondsFormat;
use parity::{
    clocks::Span,
    exchange::Request,
    fixture::{Corpus, FixtureError, Group, Scenario, Step},
    redact::Redactor,
};

use super::Reproduction;
use crate::replay::StepResult;

/// What was written.
#[derive(Debug)]
pub struct Written {
    pub fixtures: PathBuf,
    pub curl: PathBuf,
    pub test: PathBuf,
}

/// Why a reproduction cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    #[error("cannot write {}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Writes the fixture (with the reference's answers, what is left of the seed, and the rules beside),
/// `curl.sh` and `reproduction.rs` below `directory`.
///
/// # Errors
/// The seed cannot be read or a file cannot be written.
pub fn write(
    directory: &Path,
    name: &str,
    reproduction: &Reproduction,
    origin: &Corpus,
    rules: &str,
    redactor: &Redactor,
) -> Result<Written, WriteError> {
    let corpus = Corpus {
        settings: origin.settings.clone(),
        seed: match &reproduction.seed {
            Some(small) => Some(small.sql.clone()),
            None => origin.seed.clone(),
        },
        groups: vec![Group {
            name: "reproduction".into(),
            scenarios: vec![answered(name, reproduction)],
        }],
    };
    let fixtures = directory.join("fixtures");
    corpus.write(&fixtures, redactor)?;
    let steps = &corpus.groups[0].scenarios[0].steps;
    let commands: String = steps
        .iter()
        .map(|step| {
            curl(
                "${BACKEND:-http://127.0.0.1:8080}",
                &redactor.request(&step.request),
            )
        })
        .collect();
    let written = Written {
        curl: directory.join("curl.sh"),
        test: directory.join("reproduction.rs"),
        fixtures,
    };
    put(&written.fixtures.join("rules.toml"), rules)?;
    put(&written.curl, &format!("#!/bin/sh\n# {name}\n{commands}"))?;
    put(&written.test, &rust_test(name, &written.fixtures))?;
    Ok(written)
}

fn put(path: &Path, text: &str) -> Result<(), WriteError> {
    crate::whole_file::write(path, text).map_err(|source| WriteError::File {
        path: path.to_owned(),
        source,
    })
}

/// The scenario with what the reference answered when it was last played.
fn answered(name: &str, reproduction: &Reproduction) -> Scenario {
    let played = match &reproduction.seed {
        Some(small) => &small.played,
        None => &reproduction.played,
    };
    let mut scenario = reproduction.minimized.scenario.clone();
    scenario.name = name.to_owned();
    for ((number, step), played) in (1..).zip(&mut scenario.steps).zip(&played.steps) {
        step.scenario = name.to_owned();
        step.step = number;
        if let StepResult::Compared(compared) = &played.result {
            step.response = compared.reference.response.clone();
            step.effects = compared.reference.effects.clone();
            if let Some(clock) = compared.clock.filter(|clock| clock.from < clock.to) {
                ran_on(step, clock);
            }
        }
    }
    scenario
}

/// Says of a step that it was answered with this clock, which was not frozen.
fn ran_on(step: &mut Step, clock: Span) {
    step.clock = Some(clock.from.to_rfc3339_opts(SecondsFormat::Micros, true));
    step.latency_us = u64::try_from((clock.to - clock.from).num_microseconds().unwrap_or(0)).ok();
}

/// A `curl` command that sends the request exactly as it is.
pub fn curl(base: &str, request: &Request) -> String {
    let mut command = format!(
        "curl --silent --show-error --include --path-as-is --globoff --request {} \"{base}\"{}",
        quoted(request.method.as_bytes()),
        quoted(request.target.as_bytes()),
    );
    for (name, value) in &request.headers.0 {
        // curl states the host and the length of what it sends itself.
        if !["host", "content-length"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
        {
            let field = [name.as_bytes(), b": ", value].concat();
            let _ = write!(command, " \\\n  --header {}", quoted(&field));
        }
    }
    if !request.body.is_empty() {
        let _ = write!(command, " \\\n  --data-binary {}", quoted(&request.body));
    }
    command.push('\n');
    command
}

/// A word of a POSIX shell; bytes that are no text are written by `printf`.
fn quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
            format!("\"$(printf '{octal}')\"")
        }
    }
}

fn rust_test(name: &str, fixtures: &Path) -> String {
    let function: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    format!(
        "//! Replays what `parity-cli minimize` left of a divergence. Needs `parity-cli` and `tokio`.\n\n\
         #[tokio::test(flavor = \"multi_thread\")]\n\
         async fn {function}() -> Result<(), Box<dyn std::error::Error>> {{\n\
         \x20   let fixtures = std::path::Path::new({:?});\n\
         \x20   let diverged = parity_cli::reproduce::divergences_of_embedded(fixtures).await?;\n\
         \x20   assert!(diverged.is_empty(), \"{{diverged:#?}}\");\n\
         \x20   Ok(())\n\
         }}\n",
        fixtures.display().to_string(),
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parity::exchange::Headers;

    use super::*;

    #[test]
    fn a_curl_command_holds_the_request_whatever_is_in_it() {
        let request = Request {
            method: "POST".into(),
            target: "/a/../b?x={1}&y=it's".into(),
            headers: Headers(vec![
                ("Host".into(), b"testserver".to_vec()),
                ("X-Name".into(), b"\xfc\n".to_vec()),
            ]),
            body: Bytes::from_static(br#"{"a": "it's"}"#),
        };
        assert_eq!(
            curl("http://127.0.0.1:1", &request),
            "curl --silent --show-error --include --path-as-is --globoff --request 'POST' \
             \"http://127.0.0.1:1\"'/a/../b?x={1}&y=it'\\''s' \\\n  \
             --header \"$(printf '\\130\\055\\116\\141\\155\\145\\072\\040\\374\\012')\" \\\n  \
             --data-binary '{\"a\": \"it'\\''s\"}'\n"
        );
    }

    /// `tests/reproduction` holds what `minimize` wrote once; it is compiled and run with the tests.
    #[test]
    fn the_test_that_is_written_is_the_one_that_is_compiled() {
        assert_eq!(
            rust_test(
                "v2-score/main-alice",
                Path::new("tests/reproduction/fixtures")
            ),
            include_str!("../../tests/reproduction/reproduction.rs")
        );
    }

    #[test]
    fn the_shell_reads_the_words_back() {
        for bytes in [&b"it's"[..], b"a\tb", b"\xff\x01'\"$x`y`", b"plain"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(bytes))])
                .output()
                .expect("a shell");
            assert_eq!(output.stdout, bytes);
        }
    }
}
