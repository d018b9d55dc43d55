//! How much of a busy machine the mirror takes.
//!
//! While processors are idle, what the mirror computes costs no user anything. Once hardly one is and
//! users wait for their turn, every comparison takes time from the requests that are served, so the
//! mirror keeps to a share of the machine and lets the requests beyond it go before it has kept a
//! byte of them.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::machine::{Load, Machine};

/// How often the machine is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Share of requests that is mirrored however busy the machine is, so that evidence never ends.
const LEAST: f64 = 0.01;
/// All requests, in parts.
const ALL: u32 = 1 << 16;
/// Requests that are admitted or left out in a row: to wake the mirror for a single one costs those
/// who serve more than to mirror it.
const BURST: u32 = 64;

/// The mirror's share of a busy machine. Reads what Linux tells of processors and threads; anywhere
/// else nothing is held back.
#[derive(Debug)]
pub struct Budget {
    /// Share of the machine's processor time that the mirror's threads may take while it is busy.
    limit: f64,
    /// Where Linux tells how long each of the mirror's threads has run.
    threads: Mutex<Vec<File>>,
    /// Requests admitted of [`ALL`].
    admitted: AtomicU32,
    /// Counts what is admitted of each request; a burst is due whenever it makes a whole one.
    turn: AtomicU32,
}

impl Budget {
    /// `limit`: 0.0 to 1.0, where 1.0 is all of the machine.
    pub fn new(limit: f64) -> Self {
        Self {
            limit,
            threads: Mutex::default(),
            admitted: AtomicU32::new(ALL),
            turn: AtomicU32::new(0),
        }
    }

    /// Counts the calling thread's work as the mirror's, until it ends.
    pub fn join(&self) {
        if let Ok(thread) = File::open("/proc/thread-self/schedstat") {
            self.threads.lock().push(thread);
        }
    }

    /// Processor time of the mirror's threads so far. One that has ended tells nothing any more.
    fn ran(&self) -> Duration {
        let mut nanos = 0;
        self.threads.lock().retain(|thread| {
            let told = ran(thread);
            nanos += told.unwrap_or_default();
            told.is_some()
        });
        Duration::from_nanos(nanos)
    }

    /// Whether there is room for one more request; never waits.
    pub fn admits(&self) -> bool {
        let admitted = self.admitted.load(Ordering::Relaxed);
        if admitted >= ALL {
            return true;
        }
        let turn = self.turn.fetch_add(admitted, Ordering::Relaxed);
        turn % (BURST * ALL) < BURST * admitted
    }

    /// Share of requests that are admitted now, 0.01 to 1.0.
    pub fn admitted(&self) -> f64 {
        f64::from(self.admitted.load(Ordering::Relaxed)) / f64::from(ALL)
    }

    /// Looks at the machine now and then, on the runtime that is current. `waited` says how long
    /// all requests together have waited for their answers so far, and nothing when nobody serves any more.
    pub fn keep(self: &Arc<Self>, waited: impl Fn() -> Option<Duration> + Send + 'static) {
        if self.limit >= 1.0 {
            return;
        }
        let budget = Arc::clone(self);
        tokio::spawn(async move {
            let machine = Machine::new();
            let mut last = None;
            while let Some(waited) = waited() {
                let now = machine.read(budget.ran(), waited);
                if let (Some(last), Some(now)) = (last, now)
                    && let Some(load) = machine.load(&last, &now)
                {
                    let admitted = adjusted(budget.admitted(), load, budget.limit);
                    let parts = (admitted * f64::from(ALL)) as u32;
                    budget.admitted.store(parts, Ordering::Relaxed);
                }
                last = now;
                tokio::time::sleep(LOOK).await;
            }
        });
    }
}

/// Nanoseconds that a thread has run: the first number of its `schedstat` (`proc(5)`).
fn ran(thread: &File) -> Option<u64> {
    let mut text = [0; 128];
    let length = thread.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(&text[..length]).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The share of requests to admit next: less while the mirror takes too much of a busy machine, all
/// of them soon after it is not busy any more.
fn adjusted(admitted: f64, load: Load, limit: f64) -> f64 {
    let next = if load.is_busy {
        admitted * (limit / load.mirror.max(f64::MIN_POSITIVE)).clamp(0.5, 1.5)
    } else {
        admitted * 1.25 + 0.01
    };
    next.clamp(LEAST, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_share_that_is_admitted_each_has_its_turn_in_bursts() {
        let budget = Budget::new(0.05);
        assert!((0..100).all(|_| budget.admits()));
        budget.admitted.store(ALL / 4, Ordering::Relaxed);
        for _ in 0..3 {
            let turns: Vec<_> = (0..4 * BURST).map(|_| budget.admits()).collect();
            let (burst, pause) = turns.split_at(BURST as usize);
            assert!(burst.iter().all(|is_admitted| *is_admitted));
            assert!(!pause.iter().any(|is_admitted| *is_admitted));
        }
    }

    #[test]
    fn on_a_busy_machine_the_mirror_comes_down_to_its_share_and_stays_there() {
        // All requests would take 40 % of the machine.
        let mut admitted = 1.0;
        for _ in 0..20 {
            let mirror = 0.4 * admitted;
            admitted = adjusted(
                admitted,
                Load {
                    is_busy: true,
                    mirror,
                },
                0.05,
            );
        }
        assert!((admitted - 0.125).abs() < 1e-6, "{admitted}");
    }

    #[test]
    fn a_mirror_within_its_share_is_left_alone_however_busy_the_machine() {
        let load = Load {
            is_busy: true,
            mirror: 0.04,
        };
        assert!((adjusted(1.0, load, 0.05) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn some_are_always_admitted_and_with_a_processor_idle_soon_all() {
        let mut admitted = 1.0;
        for _ in 0..50 {
            let load = Load {
                is_busy: true,
                mirror: 0.9,
            };
            admitted = adjusted(admitted, load, 0.05);
        }
        assert!((admitted - LEAST).abs() < f64::EPSILON, "{admitted}");
        let quiet = Load {
            is_busy: false,
            mirror: 0.3,
        };
        let looks = (1..).find(|_| {
            admitted = adjusted(admitted, quiet, 0.05);
            admitted >= 1.0
        });
        assert!(looks.unwrap() <= 20, "{looks:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_work_of_a_thread_counts_until_it_ends() {
        let budget = Arc::new(Budget::new(0.05));
        let working = Arc::clone(&budget);
        let worker = std::thread::spawn(move || {
            working.join();
            while working.ran() < Duration::from_millis(1) {
                std::hint::spin_loop();
            }
        });
        worker.join().unwrap();
        while budget.ran() > Duration::ZERO {
            std::thread::yield_now();
        }
        assert!(budget.threads.lock().is_empty());
    }
}
