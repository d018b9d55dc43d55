//! Right rows match, wrong rows are found where they are wrong.

use scorer::effects::{Cell, Change};

use crate::world::{ALICE, Fault, World, scoring, steps};

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_writes_the_right_rows_matches() {
    let world = World::new().await;
    let groups = ["dedup", "ceramic-bulk", "embed-stamps", "human-points"];
    let mut sent = 0;
    for step in groups
        .iter()
        .flat_map(|group| steps(group).into_iter().take(20))
    {
        world.send(&step.request).await;
        let (requests, rows) = world.settled().await;
        sent += 1;
        assert_eq!(
            (requests.diverged, rows.compared),
            (0, rows.seen - rows.declined),
            "{} step {}: {:?} {:?}",
            step.scenario,
            step.step,
            world.diverged(),
            world.reasons(),
        );
    }
    let (requests, rows) = world.settled().await;
    assert_eq!(requests.seen, sent);
    assert!(rows.compared >= 60, "{rows:?}");
    // The comparisons were of something: each group writes most of the tables.
    assert!(
        rows.matched > 0 && rows.matched + rows.tolerated == rows.compared,
        "{rows:?}"
    );
    world.close().await;
}

/// A fault in the rows that the candidate tells, and the place where it is found.
type Told = (&'static str, Fault, &'static str);

const TOLD: [Told; 5] = [
    (
        "another decimal",
        |changes| {
            set(
                changes,
                "registry_score",
                "score",
                Cell::Numeric("1.100000000".into()),
            )
        },
        "Value registry_score.inserted[0].score",
    ),
    (
        "the same decimal with another scale",
        |changes| {
            set(
                changes,
                "registry_score",
                "score",
                Cell::Numeric("1.00000".into()),
            )
        },
        "registry_score.inserted[0].score",
    ),
    (
        "a missing row",
        |changes| {
            let first = of_table(changes, "registry_hashscorerlink");
            changes.remove(first);
        },
        "Missing registry_hashscorerlink.inserted[",
    ),
    (
        "an extra row",
        |changes| {
            let mut twice = changes[of_table(changes, "registry_humanpoints")].clone();
            if let Change::Inserted { row, .. } = &mut twice {
                row[0].1 = Cell::Int(-1_000);
                row.iter_mut()
                    .filter(|(name, _)| *name == "action")
                    .for_each(|(_, cell)| {
                        *cell = Cell::Text("XXX".into());
                    });
            }
            changes.push(twice);
        },
        "Extra registry_humanpoints.inserted[",
    ),
    (
        "a wrong foreign key",
        |changes| set(changes, "registry_stamp", "passport_id", Cell::Int(1)),
        "Binding registry_stamp.inserted[",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn wrong_rows_of_the_candidate_are_found_where_they_are_wrong() {
    let world = World::new().await;
    for (number, (what, fault, place)) in (1..).zip(TOLD) {
        *world.script.told_wrongly.lock() = Some(fault);
        let answer = world.send(&scoring(ALICE)).await;
        assert_eq!(answer.status, 200, "{what}");
        let (requests, rows) = world.settled().await;
        assert_eq!(
            (requests.diverged, rows.diverged),
            (number, number),
            "{what}: {:?}",
            world.reasons()
        );
        let found = world.diverged().remove(0);
        assert!(
            found.iter().all(|found| found.contains(place)),
            "{what}: {found:?} should be {place}"
        );
        world.forget(ALICE).await;
    }
    // Each is a cluster of its own, and the rows stand in what is kept.
    assert!(world.proxy.findings().clusters().len() >= TOLD.len());
    for found in world.proxy.findings().recent() {
        let kept = found.line.rows.as_ref().unwrap();
        assert!(kept.reference.touch("registry_score"));
        let text = serde_json::to_string(&found.line).unwrap();
        assert!(
            !text.contains("8f81d16d8ede1b6bb653d3705632d982"),
            "an API key was kept"
        );
        let logged =
            serde_json::to_string(&kept.reference.0["account_accountapikeyanalytics"]).unwrap();
        assert!(logged.contains("redacted:"), "{logged}");
        assert!(
            !logged.contains("api.scorer.test"),
            "a logged header was kept: {logged}"
        );
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_rows_of_the_reference_are_found_where_they_are_wrong() {
    let world = World::new().await;
    let of_alice =
        format!("passport_id = (SELECT id FROM registry_passport WHERE address = '{ALICE}')");
    let cases = [
        (
            format!("UPDATE registry_score SET score = 0.5 WHERE {of_alice}"),
            "Value registry_score.inserted[0].score",
        ),
        (
            format!(
                "DELETE FROM registry_hashscorerlink WHERE id = (SELECT max(id) FROM registry_hashscorerlink WHERE address = '{ALICE}')"
            ),
            "Extra registry_hashscorerlink.inserted[",
        ),
        (
            format!(
                "INSERT INTO registry_humanpoints (address, action, timestamp, tx_hash, chain_id, provider) VALUES ('{ALICE}', 'XXX', now(), '', 0, '')"
            ),
            "Missing registry_humanpoints.inserted[",
        ),
        (
            format!(
                "UPDATE registry_stamp SET provider = 'x' WHERE id = (SELECT max(id) FROM registry_stamp WHERE {of_alice})"
            ),
            "Value registry_stamp.inserted[",
        ),
    ];
    for (number, (sql, place)) in (1..).zip(cases) {
        *world.script.written_wrongly.lock() = Some(sql);
        world.send(&scoring(ALICE)).await;
        let (requests, rows) = world.settled().await;
        assert_eq!(
            (requests.diverged, rows.diverged),
            (number, number),
            "{place}: {:?}",
            world.reasons()
        );
        let found = world.diverged().remove(0);
        assert!(
            found.iter().all(|found| found.starts_with(place)),
            "{found:?} should be {place}"
        );
        world.forget(ALICE).await;
    }
    world.close().await;
}

fn of_table(changes: &[Change], wanted: &str) -> usize {
    let is_wanted =
        |change: &Change| matches!(change, Change::Inserted { table, .. } if *table == wanted);
    changes
        .iter()
        .position(is_wanted)
        .expect("a row of this table")
}

fn set(changes: &mut [Change], table: &str, column: &str, value: Cell) {
    let first = of_table(changes, table);
    if let Change::Inserted { row, .. } = &mut changes[first] {
        let cell = row.iter_mut().find(|(name, _)| *name == column);
        cell.expect("a column of this name").1 = value;
    }
}
