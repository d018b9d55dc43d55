//! When nothing can be said about rows, nothing is said.

use shadow_proxy::config::units::Span;
use tokio::net::TcpListener;

use crate::world::{ALICE, BOB, Pace, RowsFrom, Setting, World, scoring};

#[tokio::test(flavor = "multi_thread")]
async fn requests_about_one_address_at_one_time_are_not_comparable() {
    let world = World::new().await;
    for _ in 0..3 {
        world
            .send_together([&scoring(ALICE), &scoring(ALICE)])
            .await;
        world.settled().await;
    }
    let (requests, rows) = world.settled().await;
    assert_eq!((requests.seen, requests.diverged, rows.diverged), (6, 0, 0));
    assert_eq!(requests.not_comparable, 6);
    // The one that is judged last has seen the other's rows before it was asked.
    for (outcome, reason, _) in world.reasons() {
        assert_eq!(outcome, "not_comparable");
        assert!(["raced", "state_moved"].contains(&reason), "{reason}");
    }
    assert_eq!(rows.not_comparable, 6);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scoring_by_another_replica_is_noticed() {
    let world = World::new().await;
    // The same address: two events of a score.
    *world.script.meanwhile.lock() = Some(scoring(ALICE));
    world.send(&scoring(ALICE)).await;
    let (requests, rows) = world.settled().await;
    assert_eq!(
        (requests.seen, requests.diverged),
        (1, 0),
        "{:?}",
        world.diverged()
    );
    assert_eq!((rows.seen, rows.not_comparable), (1, 1));
    assert_eq!(world.reasons(), [("not_comparable", "another_request", 1)]);
    // Another address, which is faster in claiming what both claim.
    world.forget(ALICE).await;
    *world.script.meanwhile.lock() = Some(scoring(ALICE));
    world.send(&scoring(BOB)).await;
    let (_, rows) = world.settled().await;
    assert_eq!(
        (rows.seen, rows.not_comparable),
        (2, 2),
        "{:?}",
        world.diverged()
    );
    assert_eq!(world.reasons(), [("not_comparable", "another_request", 2)]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_writes_before_the_candidate_reads_is_not_compared() {
    let world = World::new().await;
    *world.script.pace.lock() = Pace::BeforeTheCandidate;
    world.send(&scoring(ALICE)).await;
    let (requests, rows) = world.settled().await;
    // The answers are compared all the same, from the state that the reference left.
    assert_eq!(
        (requests.compared, requests.diverged),
        (1, 0),
        "{:?}",
        world.diverged()
    );
    assert_eq!((rows.seen, rows.not_comparable), (1, 1));
    assert_eq!(world.reasons(), [("not_comparable", "raced", 1)]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_hold_still_are_not_compared() {
    let mut setting = Setting::default();
    setting.rows.settle = Span::secs(1);
    let world = World::with(setting).await;
    *world.script.written_wrongly.lock() =
        Some("UPDATE registry_score SET status = 'RUNNING'".to_owned());
    let pool = world.pool.clone();
    let job = tokio::spawn(async move {
        loop {
            sqlx::query("UPDATE registry_score SET error = 'still at it'")
                .execute(&pool)
                .await
                .unwrap();
        }
    });
    world.send(&scoring(ALICE)).await;
    let (_, rows) = world.settled().await;
    job.abort();
    assert_eq!(
        (rows.seen, rows.not_comparable),
        (1, 1),
        "{:?}",
        world.diverged()
    );
    assert!(job.await.unwrap_err().is_cancelled());
    assert_eq!(world.reasons(), [("not_comparable", "rows_moved", 1)]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_or_silent_costs_nobody_an_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = closed.local_addr().unwrap();
    drop(closed);
    let slow = ("timed_out", "deadline", 2);
    for (from, patience, outcome) in [
        (RowsFrom::NoDatabase, None, ("errored", "database", 2)),
        (RowsFrom::Address(gone), Some(300), slow),
        (
            RowsFrom::Address(silent.local_addr().unwrap()),
            Some(300),
            slow,
        ),
    ] {
        let mut setting = Setting {
            from,
            ..Setting::default()
        };
        if let Some(millis) = patience {
            setting.rows.deadline = Span::millis(millis);
        }
        let world = World::with(setting).await;
        *world.script.pace.lock() = Pace::AtOnce;
        for address in [ALICE, BOB] {
            let answer = world.send(&scoring(address)).await;
            assert_eq!(answer.status, 200);
            assert!(String::from_utf8_lossy(&answer.body).contains(address));
        }
        let (requests, rows) = world.settled().await;
        assert_eq!((requests.seen, requests.compared), (2, 2), "{requests:?}");
        assert_eq!((rows.seen, rows.compared), (2, 0));
        assert_eq!(world.reasons(), [outcome]);
        world.close().await;
    }
}
