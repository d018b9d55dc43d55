//! The threads that serve.
//!
//! A client's connection stays on one thread, and so does the connection to the backend that its
//! requests are sent over: a request waits for no other thread to wake up, and an idle proxy costs
//! no system call to steal work.

use std::{
    cell::Cell,
    io,
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

thread_local! {
    static INDEX: Cell<usize> = const { Cell::new(0) };
}

/// Which lane the current thread is; 0 for a thread that is none.
pub fn index() -> usize {
    INDEX.get()
}

/// As many lanes as the machine has processors.
pub fn default_count() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Keeps a timer due soon, for as long as its runtime lives. A timer that is due before all others
/// makes the runtime wake itself through the kernel when it is set, and without this one every
/// request sets such timers.
async fn beat() {
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    loop {
        beat.tick().await;
    }
}

/// Threads with a runtime of their own each. They end when this is dropped, with whatever still
/// runs on them.
#[derive(Debug)]
pub struct Lanes {
    handles: Vec<Handle>,
    next: AtomicUsize,
    _stop: DropGuard,
}

impl Lanes {
    /// Starts `count` threads, at least one.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(count: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let handles = (0..count.max(1)).map(|index| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let stopped = stop.clone().cancelled_owned();
            thread::Builder::new()
                .name(format!("serve-{index}"))
                .spawn(move || {
                    INDEX.set(index);
                    runtime.spawn(beat());
                    runtime.block_on(stopped);
                    runtime.shutdown_background();
                })?;
            Ok(handle)
        });
        Ok(Self {
            handles: handles.collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
            _stop: stop.drop_guard(),
        })
    }

    /// The lane whose turn it is.
    pub fn next(&self) -> &Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.handles[turn % self.handles.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_spread_over_the_lanes_in_turn() {
        let lanes = Lanes::start(3).unwrap();
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(lanes.next().spawn(async { index() }).await.unwrap());
        }
        assert_eq!(seen, [0, 1, 2, 0, 1, 2]);
    }

    #[tokio::test]
    async fn what_still_runs_ends_with_the_lanes() {
        let lanes = Lanes::start(1).unwrap();
        let endless = lanes.next().spawn(std::future::pending::<()>());
        drop(lanes);
        assert!(endless.await.unwrap_err().is_cancelled());
    }
}
