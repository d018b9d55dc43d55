//! The time an answer may take.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that moves with every exchange of a connection, and is almost never met.
///
/// A timer of the runtime is put in a queue when it begins and taken out when it is dropped. This
/// one stays where it is when its deadline moves away, and looks again when it is woken.
#[derive(Debug, Default)]
pub struct Deadline(Option<Pin<Box<Sleep>>>);

/// The deadline was met.
#[derive(Debug)]
pub struct Elapsed;

impl Deadline {
    /// Waits for `future`, at most until `due`, which may move away meanwhile.
    ///
    /// # Errors
    /// When it took longer.
    pub async fn limit<T>(
        &mut self,
        due: impl Fn() -> Instant,
        future: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll(&due, cx).map(|()| Err(Elapsed)),
        })
        .await
    }

    fn poll(&mut self, due: impl Fn() -> Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut at = due();
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            at = due();
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use tokio::time::{advance, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn every_wait_is_limited_from_its_own_beginning() {
        let mut deadline = Deadline::default();
        for (pause, limit) in [(0, 3), (1, 3), (5, 3), (0, 1), (0, 60)] {
            advance(SECOND * pause).await;
            let begun = Instant::now();
            let due = || begun + SECOND * limit;
            let quick = deadline.limit(due, sleep(SECOND / 2)).await;
            assert!(quick.is_ok(), "{pause} {limit}");
            assert_eq!(begun.elapsed(), SECOND / 2, "{pause} {limit}");
            let begun = Instant::now();
            let due = || begun + SECOND * limit;
            let never = deadline.limit(due, pending::<()>()).await;
            assert!(never.is_err(), "{pause} {limit}");
            let late = begun.elapsed() - SECOND * limit;
            assert!(late < SECOND / 100, "{pause} {limit}: {late:?} late");
        }
    }
}
