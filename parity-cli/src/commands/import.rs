//! `parity-cli import`: recordings of a service, HAR and GoReplay files become fixtures.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use parity::{
    fixture::{self, Corpus, Reader},
    redact::Redactor,
};
use tempfile::TempDir;

use crate::{
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// Catalogue of the recorded database, kept beside the fixtures where a recording brings it.
const SCHEMA_FILES: [&str; 2] = ["schema-columns.tsv", "schema-constraints.tsv"];

/// Turn recordings, HAR files or GoReplay files into fixtures.
///
/// A recording is a directory with `exchanges/<group>.jsonl`, and optionally `settings.env`,
/// `seed.sql`, `schema-columns.tsv` and `schema-constraints.tsv`. Either everything is written or
/// nothing; rules and ledger of existing fixtures are kept.
///
/// Example: parity-cli import recordings --out fixtures/passport
#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory of the recording, or the HAR or GoReplay file.
    recordings: PathBuf,
    /// What is imported.
    #[arg(long, value_enum, default_value_t = Format::Recordings)]
    format: Format,
    /// Directory for the fixtures. An existing set of fixtures is replaced.
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
    /// Replace header values and settings that may be secret by tokens made with this key. Requests
    /// redacted so cannot log in on replay. Without it values are kept: a recording of test values.
    #[arg(
        long,
        value_name = "KEY",
        env = "PARITY_REDACTION_KEY",
        hide_env_values = true
    )]
    redact: Option<String>,
}

/// What can be turned into fixtures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A directory of recordings
    Recordings,
    /// An HTTP archive; one scenario, without clock and rows
    Har,
    /// A GoReplay file; every answered request is a scenario, without clock and rows
    Goreplay,
}

pub(crate) fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let redactor = match &arguments.redact {
        Some(key) => Redactor::new(key.as_bytes()),
        None => Redactor::keep_all("imported from recordings of test values"),
    };
    let source = &arguments.recordings;
    let corpus = match arguments.format {
        Format::Recordings => import(source, &arguments.out, &redactor)?,
        Format::Har => {
            let corpus = fixture::import_har(source).map_err(Failure::usage)?;
            put_in_place(source, corpus, &arguments.out, &redactor)?
        }
        Format::Goreplay => {
            let read = fixture::import_goreplay(source).map_err(Failure::usage)?;
            if !read.unanswered.is_empty() {
                terminal.note(&format!(
                    "{} requests have no response in {} and are left out",
                    read.unanswered.len(),
                    source.display()
                ));
            }
            put_in_place(source, read.corpus, &arguments.out, &redactor)?
        }
    };
    let scenarios = corpus.scenarios().count();
    if terminal.json {
        terminal.result(
            &serde_json::json!({
                "out": arguments.out,
                "groups": corpus.groups.len(),
                "scenarios": scenarios,
                "steps": corpus.steps(),
            })
            .to_string(),
        );
    } else {
        terminal.note(&format!(
            "imported {} steps in {scenarios} scenarios over {} groups into {}",
            corpus.steps(),
            corpus.groups.len(),
            arguments.out.display()
        ));
    }
    Ok(Exit::Parity)
}

/// Reads a recording and replaces the fixtures at `out` by it, all or nothing.
///
/// # Errors
/// The recording cannot be read (file, line and what was expected there), or `out` cannot be
/// written or holds something else than fixtures. Nothing has changed then.
pub fn import(recordings: &Path, out: &Path, redactor: &Redactor) -> Result<Corpus, Failure> {
    let corpus = fixture::import_recordings(recordings).map_err(Failure::usage)?;
    put_in_place(recordings, corpus, out, redactor)
}

/// Writes the corpus beside `out`, with what `recordings` brings of the schema, and then puts it in
/// place.
fn put_in_place(
    recordings: &Path,
    corpus: Corpus,
    out: &Path,
    redactor: &Redactor,
) -> Result<Corpus, Failure> {
    if corpus.steps() == 0 {
        return Err(Failure::usage(format!(
            "{} holds no recorded step",
            recordings.display()
        )));
    }
    refuse_other_content(out)?;

    let cannot_write =
        |error: io::Error| Failure::usage(format!("cannot write {}: {error}", out.display()));
    let parent = match out.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(cannot_write)?;
    // Beside the target, so that it can be put in place by renaming.
    let staging = tempfile::Builder::new()
        .prefix(".import-")
        .tempdir_in(parent)
        .map_err(cannot_write)?;
    let fresh = staging.path().join("fixtures");
    corpus.write(&fresh, redactor).map_err(Failure::usage)?;
    keep_companions(out, &fresh).map_err(cannot_write)?;
    for file in SCHEMA_FILES {
        let source = recordings.join(file);
        if source.exists() {
            let content = fs::read(&source).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", source.display()))
            })?;
            fs::write(fresh.join(file), content).map_err(cannot_write)?;
        }
    }
    exchange(&staging, &fresh, out).map_err(cannot_write)?;
    Ok(corpus)
}

/// Only an empty directory or other fixtures may be replaced.
fn refuse_other_content(out: &Path) -> Result<(), Failure> {
    let empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            return Err(Failure::usage(format!(
                "cannot use {}: {error}",
                out.display()
            )));
        }
    };
    if empty || out.join("manifest.json").exists() || only_schema(out) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} is neither empty nor a set of fixtures (no manifest.json); name another directory",
        out.display()
    )))
}

/// The recorded catalogue may be there before the fixtures are.
fn only_schema(out: &Path) -> bool {
    fs::read_dir(out).is_ok_and(|entries| {
        entries
            .flatten()
            .all(|entry| SCHEMA_FILES.iter().any(|file| entry.file_name() == **file))
    })
}

/// Takes over what people wrote beside the fixtures: rules, ledger, notes.
fn keep_companions(out: &Path, fresh: &Path) -> io::Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let generated = Reader::open(out).map_or_else(
        |_| Vec::new(),
        |reader| reader.manifest().seed.iter().cloned().collect(),
    );
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name();
        let replaced = name == "manifest.json"
            || generated.iter().any(|file| name == **file)
            || fresh.join(&name).exists();
        if entry.file_type()?.is_file() && !replaced {
            fs::copy(entry.path(), fresh.join(&name))?;
        }
    }
    Ok(())
}

/// Puts `fresh` in the place of `out`; what was there goes with the staging directory.
fn exchange(staging: &TempDir, fresh: &Path, out: &Path) -> io::Result<()> {
    let old = staging.path().join("old");
    if out.exists() {
        fs::rename(out, &old)?;
    }
    fs::rename(fresh, out).inspect_err(|_| {
        if old.exists() {
            // The first error is the one to report.
            let _ = fs::rename(&old, out);
        }
    })
}
