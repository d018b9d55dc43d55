//! Exchanges with the reference as fixtures, redacted before they touch the disk.
//!
//! An exchange takes one of a fixed number of places before its first byte is kept; without a free
//! one it is not recorded, and counted. One thread redacts and writes: no request waits for it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Instant,
};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderMap, StatusCode};
use parity::{
    exchange::Response,
    fixture::{FixtureError, GroupWriter, Step},
};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    config::RecordingConfig,
    redaction::Redaction,
    sampling::{self, Purpose},
    tee::{RequestHead, headers_of},
};

/// Exchanges held at one time, from the first byte to the disk.
pub const PLACES: usize = 64;

/// Exchanges after which the manifest is brought up to date.
const MANIFEST_EVERY: u64 = 100;

/// What became of the exchanges that were to be recorded.
#[derive(Debug, Default)]
pub struct Counts {
    pub written: AtomicU64,
    /// Found no place, were over the cap, or could not be written.
    pub dropped: AtomicU64,
    /// A limit was reached: nothing more is recorded.
    pub full: AtomicBool,
}

/// Records.
#[derive(Debug)]
pub struct Recorder {
    rate: f64,
    directory: PathBuf,
    places: Arc<Semaphore>,
    exchanges: Mutex<Option<SyncSender<Exchange>>>,
    counts: Arc<Counts>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// An exchange that went by in full.
#[derive(Debug)]
struct Exchange {
    arrived: DateTime<Utc>,
    latency_us: Option<u64>,
    head: RequestHead,
    body: Bytes,
    status: StatusCode,
    headers: HeaderMap,
    response_body: Bytes,
    _place: OwnedSemaphorePermit,
}

/// Room for one exchange, taken when its request has arrived.
#[derive(Debug)]
pub struct Place {
    recorder: Arc<Recorder>,
    permit: OwnedSemaphorePermit,
    arrived: DateTime<Utc>,
    /// Measures what the wall clock, which may be set meanwhile, cannot.
    begun: Instant,
}

impl Recorder {
    /// Begins a recording below the configured directory; `None` without one.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn start(
        config: &RecordingConfig,
        redaction: Redaction,
    ) -> Result<Option<Arc<Self>>, FixtureError> {
        let Some(parent) = &config.directory else {
            return Ok(None);
        };
        let begun = Utc::now().format("%Y%m%dT%H%M%S%.6f").to_string();
        let directory = parent.join(&begun);
        let file = GroupWriter::create(&directory, "recorded", redaction.redactor().record())?;
        let counts = Arc::<Counts>::default();
        let (sender, receiver) = sync_channel(PLACES);
        let writing = Writer {
            begun,
            file,
            redaction,
            counts: Arc::clone(&counts),
            bytes: config.bytes.0,
            exchanges: config.exchanges,
        };
        let writer = std::thread::Builder::new()
            .name("recording".into())
            .spawn(move || writing.run(&receiver))
            .map_err(|source| FixtureError::Write {
                path: directory.clone(),
                source,
            })?;
        Ok(Some(Arc::new(Self {
            rate: config.rate,
            directory,
            places: Arc::new(Semaphore::new(PLACES)),
            exchanges: Mutex::new(Some(sender)),
            counts,
            writer: Mutex::new(Some(writer)),
        })))
    }

    /// Where the fixtures are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Room for an exchange that is about to begin; `None` when it is not to be recorded, or
    /// cannot be.
    pub fn place(self: &Arc<Self>, sticky_key: Option<&str>) -> Option<Place> {
        if self.counts.full.load(Ordering::Relaxed)
            || !sampling::is_in(self.rate, Purpose::Recording, sticky_key)
        {
            return None;
        }
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        Some(Place {
            recorder: Arc::clone(self),
            permit,
            arrived: Utc::now(),
            begun: Instant::now(),
        })
    }

    /// Writes what waits, and ends.
    pub fn close(&self) {
        drop(self.exchanges.lock().take());
        if let Some(writer) = self.writer.lock().take() {
            // It only ends by returning.
            let _ = writer.join();
        }
    }
}

impl Place {
    /// Hands an exchange, whose answer has just ended, to the writer.
    pub fn record(
        self,
        head: RequestHead,
        body: Bytes,
        status: StatusCode,
        headers: HeaderMap,
        response_body: Bytes,
    ) {
        let exchange = Exchange {
            arrived: self.arrived,
            latency_us: u64::try_from(self.begun.elapsed().as_micros()).ok(),
            head,
            body,
            status,
            headers,
            response_body,
            _place: self.permit,
        };
        let exchanges = self.recorder.exchanges.lock();
        // Places and queue are equally many, so only a queue that was closed refuses.
        let taken = exchanges
            .as_ref()
            .is_some_and(|exchanges| exchanges.try_send(exchange).is_ok());
        if !taken {
            self.recorder.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The exchange is too large to be recorded.
    pub fn decline(self) {
        self.recorder.counts.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The thread that writes.
struct Writer {
    begun: String,
    file: GroupWriter,
    redaction: Redaction,
    counts: Arc<Counts>,
    bytes: u64,
    exchanges: u64,
}

impl Writer {
    fn run(mut self, exchanges: &Receiver<Exchange>) {
        let (mut bytes, mut number) = (0, 0);
        for exchange in exchanges {
            if bytes >= self.bytes || number >= self.exchanges {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            match self.write(exchange, number + 1) {
                Ok(written) => {
                    bytes += written;
                    number += 1;
                    self.counts.written.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    // What was cut short cannot be read past.
                    tracing::error!(%error, "the recording ends: it cannot be written");
                    self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                    bytes = self.bytes;
                }
            }
            let full = bytes >= self.bytes || number >= self.exchanges;
            if full {
                tracing::info!(exchanges = number, bytes, "the recording is complete");
                self.counts.full.store(true, Ordering::Relaxed);
            }
            if full || number % MANIFEST_EVERY == 0 {
                self.update_manifest();
            }
        }
        self.update_manifest();
    }

    /// Each exchange is a scenario of its own: which of the others it follows is not known.
    fn write(&mut self, exchange: Exchange, number: u64) -> Result<u64, FixtureError> {
        let request = exchange.head.to_request(exchange.body);
        let step = Step {
            scenario: format!("{}/{number}", self.begun),
            step: 1,
            tags: Vec::new(),
            clock: Some(
                exchange
                    .arrived
                    .to_rfc3339_opts(SecondsFormat::Micros, true),
            ),
            sql_before: None,
            redis_flush_before: false,
            request,
            response: Response {
                status: exchange.status.as_u16(),
                headers: headers_of(&exchange.headers),
                body: exchange.response_body,
            },
            latency_us: exchange.latency_us,
            effects: None,
            cache: None,
        };
        self.file.append(&step, self.redaction.redactor())
    }

    fn update_manifest(&self) {
        if let Err(error) = self.file.update_manifest() {
            tracing::error!(%error, "the recording's manifest is not up to date");
        }
    }
}
