//! How far the demo is: a bar for who watches, a line now and then for a log.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parity::accounting::Accounting;

use crate::terminal::Terminal;

/// Lines that a log gets.
const LINES: usize = 8;

pub(super) struct Progress {
    terminal: Terminal,
    /// Hidden where nobody watches.
    bar: ProgressBar,
    all: usize,
    sent: usize,
}

impl Progress {
    pub(super) fn new(all: usize, terminal: Terminal) -> Self {
        let bar = if terminal.shows_progress() {
            ProgressBar::with_draw_target(Some(all as u64), ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} sent, {msg}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self {
            terminal,
            bar,
            all,
            sent: 0,
        }
    }

    /// One more request was answered and judged.
    pub(super) fn sent(&mut self, stats: &Accounting) {
        self.sent += 1;
        let found = format!("{} compared, {} diverged", stats.compared, stats.diverged);
        self.bar.set_message(found.clone());
        self.bar.inc(1);
        let part = |sent: usize| sent * LINES / self.all.max(1);
        if self.bar.is_hidden() && part(self.sent) > part(self.sent - 1) {
            let line = format!("sent       {} of {}: {found}", self.sent, self.all);
            self.terminal.note(&line);
        }
    }

    /// A line above the bar.
    pub(super) fn note(&self, text: &str) {
        self.bar.suspend(|| self.terminal.note(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
