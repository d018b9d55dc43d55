//! What Linux tells of its processors.

use std::{
    fs,
    num::NonZeroUsize,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// The machine is busy while less than this share of its processor time is idle. Some is left even
/// where users wait for processors, because threads wait for each other in between.
const SPARE: f64 = 0.2;

/// What the machine did between two looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// More requests waited for their answers than there are processors, and hardly one was idle.
    pub(super) is_busy: bool,
    /// Share of all processor time that the mirror's threads took.
    pub(super) mirror: f64,
}

/// Where Linux tells what its processors do.
#[derive(Debug)]
pub(super) struct Machine {
    processors: f64,
    /// Directory of the control group that this process is in, where it has a limit.
    group: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    at: Instant,
    ticks: Ticks,
    mirror: Duration,
    /// By all requests together, for their answers.
    waited: Duration,
    /// Used by the control group so far.
    group: Option<Duration>,
}

impl Machine {
    pub(super) fn new() -> Self {
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

    /// `mirror` is the processor time of the mirror's threads, `waited` the time that all requests
    /// together have waited for their answers, both so far.
    pub(super) fn read(&self, mirror: Duration, waited: Duration) -> Option<Reading> {
        let ticks = Ticks::parse(&fs::read_to_string("/proc/stat").ok()?)?;
        let used = |group: &PathBuf| usage(&fs::read_to_string(group.join("cpu.stat")).ok()?);
        Some(Reading {
            at: Instant::now(),
            ticks,
            mirror,
            waited,
            group: self.group.as_ref().and_then(used),
        })
    }

    /// What it did between two looks; nothing when they are too close.
    pub(super) fn load(&self, last: &Reading, now: &Reading) -> Option<Load> {
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
