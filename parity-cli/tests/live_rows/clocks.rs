//! Clocks that run: each side takes its own time, and no other.

use scorer::effects::{Cell, Change};

use crate::world::{ALICE, BOB, Fault, Setting, World, scoring, steps};

async fn running() -> World {
    World::with(Setting {
        clocks_run: true,
        ..Setting::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_each_side_took_while_it_answered_agree() {
    let world = running().await;
    let recorded = ["v2-score", "dedup", "ceramic-bulk"]
        .iter()
        .flat_map(|group| steps(group).into_iter().take(12));
    for step in recorded {
        world.send(&step.request).await;
        let (requests, rows) = world.settled().await;
        assert_eq!(
            (requests.diverged, rows.not_comparable),
            (0, 0),
            "{} step {}: {:?} {:?}",
            step.scenario,
            step.step,
            world.diverged(),
            world.reasons(),
        );
    }
    let (_, rows) = world.settled().await;
    assert!(rows.tolerated >= 20, "{rows:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_of_another_moment_diverges() {
    let world = running().await;
    let another: Fault = |changes| {
        for change in changes {
            if let Change::Inserted {
                table: "registry_event",
                row,
            } = change
            {
                let created = row.iter_mut().find(|(name, _)| *name == "created_at");
                created.unwrap().1 = Cell::Timestamp("2026-01-15T11:00:00Z".parse().unwrap());
            }
        }
    };
    world.send(&scoring(BOB)).await;
    world.settled().await;
    *world.script.told_wrongly.lock() = Some(another);
    world.send(&scoring(ALICE)).await;
    let (requests, rows) = world.settled().await;
    assert_eq!((requests.diverged, rows.diverged), (1, 1));
    let found = world.diverged().remove(0);
    let in_the_event = |found: &String| found.contains("registry_event.inserted[");
    assert!(
        !found.is_empty() && found.iter().all(in_the_event),
        "{found:?}"
    );
    world.close().await;
}
