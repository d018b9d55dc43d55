//! Runs of the program, and the search through what they left.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use parity::exchange::{Headers, Response};

use crate::planted::{CANARY, MARKER};

/// Commands whose output goes into files beside what they write.
pub(crate) struct Runs {
    pub(crate) directory: PathBuf,
}

impl Runs {
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let stream =
            |end: &str| fs::File::create(self.directory.join(format!("{name}.{end}"))).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_parity-cli"));
        command
            .args(arguments)
            .env("RUST_LOG", "trace")
            .env("PARITY_REDACTION_KEY", format!("{CANARY}-redaction-key"))
            .env("SECRET_KEY", format!("{CANARY}-environment"))
            .stdin(Stdio::null())
            .stdout(stream("out"))
            .stderr(stream("err"));
        command
    }

    /// Runs a command and checks how it ends.
    pub(crate) fn run(&self, name: &str, arguments: &[&str], code: i32) {
        let mut bounded = Command::new("timeout");
        let command = self.command(name, arguments);
        bounded
            .arg("120")
            .arg(command.get_program())
            .args(command.get_args());
        bounded.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let stream =
            |end: &str| fs::File::create(self.directory.join(format!("{name}.{end}"))).unwrap();
        bounded
            .stdin(Stdio::null())
            .stdout(stream("out"))
            .stderr(stream("err"));
        let status = bounded.status().unwrap();
        let error = fs::read_to_string(self.directory.join(format!("{name}.err"))).unwrap();
        assert_eq!(status.code(), Some(code), "{name}: {error}");
    }
}

/// Every file below a place that holds the text, in plain or as base64 would have it.
pub(crate) fn holding(place: &Path, text: &str) -> Vec<PathBuf> {
    if place.is_dir() {
        let entries = fs::read_dir(place).unwrap();
        return entries
            .flat_map(|entry| holding(&entry.unwrap().path(), text))
            .collect();
    }
    let bytes = fs::read(place).unwrap();
    let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|at| at == wanted);
    // Three bytes make four characters: what is in the middle depends on where it begins.
    let encoded = (0..3).any(|shift| {
        let padded = [&vec![b' '; shift][..], text.as_bytes()].concat();
        let whole = base64(&padded);
        holds(&whole.as_bytes()[4..whole.len() - 8])
    });
    let is_there = holds(text.as_bytes()) || encoded;
    is_there.then(|| place.to_owned()).into_iter().collect()
}

fn base64(bytes: &[u8]) -> String {
    let response = Response {
        status: 200,
        headers: Headers::default(),
        // What is no text is written as base64; the byte that makes it so comes last.
        body: [bytes, b"\xff\xff\xff"].concat().into(),
    };
    let written: serde_json::Value = serde_json::to_value(&response).unwrap();
    written["body_base64"].as_str().unwrap().to_owned()
}

/// No secret is in any file below the directory, and in each of these is what stood beside one.
pub(crate) fn assert_clean(directory: &Path, artefacts: &[&str]) {
    for artefact in artefacts {
        let found = holding(&directory.join(artefact), MARKER);
        assert!(!found.is_empty(), "{artefact} has nothing to find");
    }
    assert_eq!(holding(directory, CANARY), Vec::<PathBuf>::new());
}

/// The search finds what it looks for, wherever it is put.
#[test]
fn a_planted_secret_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    assert_eq!(holding(directory.path(), CANARY), Vec::<PathBuf>::new());
    fs::write(below.join("plain"), format!("x{CANARY}y")).unwrap();
    for shift in 0..3 {
        let hidden = base64(format!("{}{CANARY}-and-more", " ".repeat(shift)).as_bytes());
        fs::write(below.join(format!("encoded-{shift}")), hidden).unwrap();
    }
    assert_eq!(holding(directory.path(), CANARY).len(), 4);
}
