//! Divergences on disk: versioned JSON Lines, redacted before they come here, rotated and bounded.
//!
//! One thread writes; whoever has something to write never waits. A line is acknowledged (counted)
//! when the kernel has it, so it survives the process. A line that a crash cut short is ended
//! before the next one is written, and readers skip it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use parity::{
    effects::Effects,
    exchange::{Request, Response},
    outcome::Divergence,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::config::JournalConfig;

/// Version of the lines; readers refuse what is newer.
pub const VERSION: u32 = 1;

/// Lines that wait for the writing thread.
const WAITING: usize = 256;

/// One divergence, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub version: u32,
    /// When it was found, RFC 3339 in UTC.
    pub at: String,
    pub route: String,
    pub request: Request,
    pub reference: Response,
    pub candidate: Response,
    /// Where the rows were compared too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    pub diverged: Vec<Divergence>,
    pub tolerated: Vec<Divergence>,
}

/// The rows that the reference wrote and that the candidate would have written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    pub reference: Effects,
    pub candidate: Effects,
}

/// What became of the lines.
#[derive(Debug, Default)]
pub struct Counts {
    pub written: AtomicU64,
    pub dropped: AtomicU64,
    /// Whether the last write failed.
    pub failing: AtomicBool,
}

/// Writes divergences to files.
#[derive(Debug)]
pub struct Journal {
    lines: Mutex<Option<SyncSender<Vec<u8>>>>,
    counts: Arc<Counts>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in the configured directory, or one that keeps nothing.
    ///
    /// # Errors
    /// When the directory cannot be made or written to.
    pub fn open(config: &JournalConfig) -> io::Result<Self> {
        let counts = Arc::<Counts>::default();
        let Some(directory) = &config.directory else {
            return Ok(Self {
                lines: Mutex::new(None),
                counts,
                writer: Mutex::new(None),
            });
        };
        let files = Files::open(directory, config.file_size.0, config.files.max(1))?;
        let (sender, receiver) = sync_channel(WAITING);
        let counting = Arc::clone(&counts);
        let writer = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || write_all(files, &receiver, &counting))?;
        Ok(Self {
            lines: Mutex::new(Some(sender)),
            counts,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Hands a line to the writer; over its capacity the line is dropped and counted.
    pub fn append(&self, line: &Line) {
        let lines = self.lines.lock();
        let Some(sender) = lines.as_ref() else {
            return;
        };
        let sent = serde_json::to_vec(line).is_ok_and(|mut bytes| {
            bytes.push(b'\n');
            sender.try_send(bytes).is_ok()
        });
        if !sent {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Writes what waits, and ends.
    pub fn close(&self) {
        drop(self.lines.lock().take());
        if let Some(writer) = self.writer.lock().take() {
            // It only ends by returning.
            let _ = writer.join();
        }
    }
}

fn write_all(mut files: Files, lines: &Receiver<Vec<u8>>, counts: &Counts) {
    for line in lines {
        match files.write(&line) {
            Ok(()) => {
                counts.written.fetch_add(1, Ordering::Relaxed);
                counts.failing.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                counts.dropped.fetch_add(1, Ordering::Relaxed);
                if !counts.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the journal cannot be written");
                }
            }
        }
    }
}

/// The files of a journal: `divergences-000001.jsonl` and so on.
#[derive(Debug)]
struct Files {
    directory: PathBuf,
    limit: u64,
    keep: usize,
    number: u64,
    file: File,
    size: u64,
    /// The file does not end with a line end: a write was cut short.
    torn: bool,
}

impl Files {
    fn open(directory: &Path, limit: u64, keep: usize) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let number = numbers(directory)?.pop().unwrap_or(1);
        let mut file = open_file(directory, number)?;
        let size = file.seek(SeekFrom::End(0))?;
        let mut torn = false;
        if size > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            torn = last != *b"\n";
        }
        if torn {
            let path = file_path(directory, number);
            tracing::warn!(path = %path.display(), "the last line of the journal was cut short, it is skipped");
        }
        Ok(Self {
            directory: directory.to_owned(),
            limit,
            keep,
            number,
            file,
            size,
            torn,
        })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size > 0 && self.size + line.len() as u64 > self.limit {
            self.rotate()?;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
            self.size += 1;
            self.torn = false;
        }
        // Should it fail half-way, the next line must not continue this one.
        self.torn = true;
        self.file.write_all(line)?;
        self.torn = false;
        self.size += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = open_file(&self.directory, self.number + 1)?;
        self.number += 1;
        self.size = 0;
        self.torn = false;
        let numbers = numbers(&self.directory)?;
        for old in &numbers[..numbers.len().saturating_sub(self.keep)] {
            fs::remove_file(file_path(&self.directory, *old))?;
        }
        Ok(())
    }
}

fn file_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("divergences-{number:06}.jsonl"))
}

fn open_file(directory: &Path, number: u64) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(file_path(directory, number))
}

/// Numbers of the files there are, in ascending order.
fn numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| {
            let digits = name.strip_prefix("divergences-")?.strip_suffix(".jsonl")?;
            digits.parse().ok()
        });
        numbers.extend::<Option<u64>>(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// What a journal holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// Oldest first.
    pub lines: Vec<Line>,
    /// Lines that were cut short, or that a newer version wrote.
    pub unreadable: usize,
}

/// Reads every file of a journal.
///
/// # Errors
/// When a file cannot be read.
pub fn read(directory: &Path) -> io::Result<Contents> {
    let mut contents = Contents::default();
    for number in numbers(directory)? {
        let bytes = fs::read(file_path(directory, number))?;
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            match serde_json::from_slice::<Line>(line) {
                Ok(line) if line.version <= VERSION => contents.lines.push(line),
                _ => contents.unreadable += 1,
            }
        }
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parity::exchange::Headers;

    use super::*;
    use crate::config::units::Size;

    fn line(number: usize) -> Line {
        let response = Response {
            status: 200,
            headers: Headers::default(),
            body: Bytes::from_static(b"{}"),
        };
        Line {
            version: VERSION,
            at: "2026-01-15T12:00:00Z".into(),
            route: format!("route-{number}"),
            request: Request {
                method: "GET".into(),
                target: "/".into(),
                headers: Headers::default(),
                body: Bytes::new(),
            },
            reference: response.clone(),
            candidate: response,
            rows: None,
            diverged: Vec::new(),
            tolerated: Vec::new(),
        }
    }

    fn config(directory: &Path, size: u64) -> JournalConfig {
        JournalConfig {
            directory: Some(directory.to_owned()),
            file_size: Size(size),
            files: 3,
        }
    }

    #[test]
    fn what_was_acknowledged_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(&config(directory.path(), 1 << 20)).unwrap();
        let lines: Vec<Line> = (0..20).map(line).collect();
        lines.iter().for_each(|line| journal.append(line));
        journal.close();
        assert_eq!(journal.counts().written.load(Ordering::Relaxed), 20);
        let contents = read(directory.path()).unwrap();
        assert_eq!(contents.lines, lines);
        assert_eq!(contents.unreadable, 0);
    }

    #[test]
    fn a_line_cut_short_by_a_crash_costs_itself_alone() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(&config(directory.path(), 1 << 20)).unwrap();
        journal.append(&line(1));
        journal.close();
        let path = file_path(directory.path(), 1);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"version\": 1, \"at\": \"20");
        fs::write(&path, bytes).unwrap();
        let journal = Journal::open(&config(directory.path(), 1 << 20)).unwrap();
        journal.append(&line(2));
        journal.close();
        let contents = read(directory.path()).unwrap();
        assert_eq!(contents.lines, [line(1), line(2)]);
        assert_eq!(contents.unreadable, 1);
    }

    #[test]
    fn the_oldest_files_go_first() {
        let directory = tempfile::tempdir().unwrap();
        let one = serde_json::to_vec(&line(100)).unwrap().len() as u64 + 1;
        let journal = Journal::open(&config(directory.path(), 2 * one)).unwrap();
        let lines: Vec<Line> = (100..120).map(line).collect();
        lines.iter().for_each(|line| journal.append(line));
        journal.close();
        assert_eq!(numbers(directory.path()).unwrap().len(), 3);
        let contents = read(directory.path()).unwrap();
        assert_eq!(contents.lines, lines[14..]);
    }
}
