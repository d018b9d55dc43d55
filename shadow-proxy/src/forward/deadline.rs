//! The time an answer may take.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that is moved with every exchange of a connection and almost never met.
///
/// A timer of the runtime is put in a queue when it begins and taken out when it is dropped. This
/// one stays where it is when its deadline moves away, and looks again when it is woken.
#[derive(Debug)]
pub struct Deadline {
    at: Instant,
    sleep: Pin<Box<Sleep>>,
}

/// The deadline was met.
#[derive(Debug)]
pub struct Elapsed;

impl Default for Deadline {
    fn default() -> Self {
        let at = Instant::now();
        Self {
            at,
            sleep: Box::pin(sleep_until(at)),
        }
    }
}

impl Deadline {
    /// Waits for `future`, at most for `limit` from now.
    ///
    /// # Errors
    /// When it took longer.
    pub async fn limit<T>(
        &mut self,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let mut future = pin!(future);
        self.at = Instant::now() + limit;
        if self.sleep.is_elapsed() || self.sleep.deadline() > self.at {
            self.sleep.as_mut().reset(self.at);
        }
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll(cx).map(|()| Err(Elapsed)),
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            if Instant::now() >= self.at {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{advance, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn every_wait_is_limited_from_its_own_beginning() {
        let mut deadline = Deadline::default();
        for (pause, limit) in [(0, 3), (1, 3), (5, 3), (0, 1), (0, 60)] {
            advance(SECOND * pause).await;
            let begun = Instant::now();
            let quick = deadline.limit(SECOND * limit, sleep(SECOND / 2)).await;
            assert!(quick.is_ok(), "{pause} {limit}");
            assert_eq!(begun.elapsed(), SECOND / 2, "{pause} {limit}");
            let begun = Instant::now();
            let never = deadline.limit(SECOND * limit, pending::<()>()).await;
            assert!(never.is_err(), "{pause} {limit}");
            let late = begun.elapsed() - SECOND * limit;
            assert!(late < SECOND / 100, "{pause} {limit}: {late:?} late");
        }
    }
}
