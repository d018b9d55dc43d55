//! How much of a busy machine the mirror takes.
//!
//! While processors are idle, what the mirror computes costs no user anything. Once hardly one is and
//! users wait for their turn, every comparison takes time from the requests that are served, so the
//! mirror keeps to a share of the machine and lets the requests beyond it go before it has kept a
//! byte of them.

use std::{
    fs,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustix::thread::Pid;

/// How often the machine is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// The machine is busy while less than this share of its processor time is idle. Some is left even
/// where users wait for processors, because threads wait for each other in between.
const SPARE: f64 = 0.2;
/// Share of requests that is mirrored however busy the machine is, so that evidence never ends.
const LEAST: f64 = 0.01;
/// All requests, in parts.
const ALL: u32 = 1 << 16;
/// Requests that are admitted or left out in a row: to wake the mirror for a single one costs those
/// who serve more than to mirror it.
const BURST: u32 = 64;

/// The mirror's share of a busy machine. Reads what Linux tells of processors; anywhere else
/// nothing is held back.
#[derive(Debug)]
pub struct Budget {
    /// Share of the machine's processor time that the mirror's threads may take while it is busy.
    limit: f64,
    threads: Mutex<Vec<Pid>>,
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

    /// Counts the calling thread's work as the mirror's.
    pub fn join(&self) {
        self.threads.lock().push(rustix::thread::gettid());
    }

    /// The calling thread ends.
    pub fn leave(&self) {
        let own = rustix::thread::gettid();
        self.threads.lock().retain(|thread| *thread != own);
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
                let now = machine.read(&budget.threads.lock().clone(), waited);
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

/// What the machine did between two looks.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// More requests waited for their answers than there are processors, and hardly one was idle.
    is_busy: bool,
    /// Share of all processor time that the mirror's threads took.
    mirror: f64,
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

/// Where Linux tells what its processors do.
#[derive(Debug)]
struct Machine {
    processors: f64,
    /// Directory of the control group that this process is in, where it has a limit.
    group: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    ticks: Ticks,
    mirror: Duration,
    /// By all requests together, for their answers.
    waited: Duration,
    /// Used by the control group so far.
    group: Option<Duration>,
}

impl Machine {
    fn new() -> Self {
        let group = fs::read_to_string("/proc/self/cgroup")
            .ok()
            .and_then(|text| {
                let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
                Some(PathBuf::from("/sys/fs/cgroup").join(path))
            });
        let limit = |group: &PathBuf| quota(&fs::read_to_string(group.join("cpu.max")).ok()?);
        let limit = group.as_ref().and_then(limit);
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get) as f64;
        Self {
            processors: limit.map_or(processors, |limit| limit.min(processors)),
            group: group.filter(|_| limit.is_some()),
        }
    }

    fn read(&self, threads: &[Pid], waited: Duration) -> Option<Reading> {
        let ticks = Ticks::parse(&fs::read_to_string("/proc/stat").ok()?)?;
        let mirror = threads.iter().filter_map(|thread| {
            let thread = thread.as_raw_nonzero();
            let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        let used = |group: &PathBuf| usage(&fs::read_to_string(group.join("cpu.stat")).ok()?);
        Some(Reading {
            at: Instant::now(),
            ticks,
            mirror: Duration::from_nanos(mirror.sum()),
            waited,
            group: self.group.as_ref().and_then(used),
        })
    }

    fn load(&self, last: &Reading, now: &Reading) -> Option<Load> {
        let whole = now.at.duration_since(last.at).as_secs_f64() * self.processors;
        let passed = now.ticks.total.checked_sub(last.ticks.total)?;
        if passed == 0 || whole <= 0.0 {
            return None;
        }
        let share = |took: Duration| took.as_secs_f64() / whole;
        let idle = now.ticks.idle.saturating_sub(last.ticks.idle) as f64 / passed as f64;
        // A group at its limit waits although processors are idle.
        let left = match (last.group, now.group) {
            (Some(before), Some(after)) => 1.0 - share(after.saturating_sub(before)),
            _ => 1.0,
        };
        Some(Load {
            is_busy: idle.min(left) < SPARE && share(now.waited.saturating_sub(last.waited)) > 1.0,
            mirror: share(now.mirror.saturating_sub(last.mirror)),
        })
    }
}

/// Processor time of the whole machine since it was started, in ticks (`proc_stat(5)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    idle: u64,
    total: u64,
}

impl Ticks {
    fn parse(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?;
        // What follows, the time of guests, is counted in the first two already.
        let fields = fields.split_whitespace().take(8);
        let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
        let (idle, waiting_for_disk) = (ticks.get(3)?, ticks.get(4)?);
        Some(Self {
            idle: idle + waiting_for_disk,
            total: ticks.iter().sum(),
        })
    }
}

/// Processors that `cpu.max` allows, if it limits them.
fn quota(max: &str) -> Option<f64> {
    let (quota, period) = max.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| quota / period)
}

/// Processor time that `cpu.stat` says was used.
fn usage(stat: &str) -> Option<Duration> {
    let used = stat
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "))?;
    used.trim().parse().ok().map(Duration::from_micros)
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

    #[test]
    fn what_linux_tells_is_understood() {
        let stat = "cpu  100 20 30 400 50 1 2 3 60 7\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 5\n";
        let ticks = Ticks {
            idle: 450,
            total: 606,
        };
        assert_eq!(Ticks::parse(stat), Some(ticks));
        assert_eq!(Ticks::parse("cpu  100 20 x 400 50\n"), None);
        assert_eq!(quota("150000 100000\n"), Some(1.5));
        assert_eq!(quota("max 100000\n"), None);
        let stat = "usage_usec 2500\nuser_usec 2000\n";
        assert_eq!(usage(stat), Some(Duration::from_micros(2500)));
    }

    #[test]
    fn a_machine_is_busy_when_users_wait_and_no_processor_is_idle() {
        let machine = Machine {
            processors: 2.0,
            group: None,
        };
        let at = Instant::now();
        let reading = |millis: u64, idle, group, waiting| Reading {
            at: at + Duration::from_millis(millis),
            ticks: Ticks {
                idle,
                total: millis,
            },
            mirror: Duration::from_millis(millis / 5),
            waited: Duration::from_millis(millis) * waiting,
            group,
        };
        let used = |millis| Some(Duration::from_millis(millis));
        for (name, idle, group, waiting, is_busy) in [
            ("idle processors", 600, None, 9, false),
            ("hardly an idle processor", 190, None, 9, true),
            ("nobody waits", 190, None, 2, false),
            ("a control group with room", 600, used(1590), 9, false),
            ("a control group near its limit", 600, used(1610), 9, true),
        ] {
            let before = reading(0, 0, group.and(used(0)), waiting);
            let load = machine.load(&before, &reading(1000, idle, group, waiting));
            let load = load.unwrap();
            assert_eq!(load.is_busy, is_busy, "{name}");
            assert!((load.mirror - 0.1).abs() < 1e-9, "{load:?}");
        }
    }
}
