//! A dry run tells exactly what a commit would write, and needs no right to write.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use num_bigint::BigInt;
use scorer::{
    clock::Clock,
    domain::stamp_write::StampItem,
    effects::{Cell, Change, Effects, Row},
    message::Mode,
    python::Value,
    store::{
        scoring::{Engine, Listing, ScoreRequest, Scored},
        stamps::{StampWrite, WriteKind},
    },
};
use sqlx::postgres::PgPoolOptions;

use crate::world::{Believe, World, address, credential, engine, request};

/// An engine that connects as a role that may only read.
async fn reader(world: &World, clock: Clock) -> Engine<Believe> {
    sqlx::raw_sql(
        "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let connect = world.postgres.connect_options().clone().username("reader");
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(connect);
    let refused = sqlx::query("DELETE FROM registry_stamp")
        .execute(&pool)
        .await;
    assert!(refused.is_err(), "the role must not be able to write");
    engine(pool, clock)
}

#[tokio::test]
async fn a_reader_s_dry_run_tells_what_the_commit_after_it_writes() {
    let world = World::start().await;
    world.community(1).await;
    let clock = Clock::fixed(DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap());
    let (reader, writer) = (
        reader(&world, clock.clone()).await,
        engine(world.pool.clone(), clock.clone()),
    );
    for user in 0..2 {
        world.stamp(&address(user), "A", &["v0:shared"]).await;
        world
            .stamp(&address(user), "B", &[&format!("v0:{user}")])
            .await;
    }
    let tick = |seconds| clock.set(clock.now() + chrono::TimeDelta::seconds(seconds));

    // First scoring, loser of a nullifier, repeated scoring.
    for user in [0, 1, 0] {
        tick(60);
        let user = address(user);
        let told = reader.score(request(1, &user), Mode::DryRun).await.unwrap();
        let written = writer.score(request(1, &user), Mode::Commit).await.unwrap();
        assert_told(&told, &written);
    }
    // Stamps replaced, added and deleted.
    for (kind, provider, nullifier) in [
        (
            WriteKind::Replace {
                source_app: 2,
                source_scorer_id: Some(BigInt::from(1)),
            },
            "A",
            "v0:new",
        ),
        (
            WriteKind::Replace {
                source_app: 1,
                source_scorer_id: Some(BigInt::from(1)),
            },
            "C",
            "v0:shared",
        ),
        (WriteKind::Patch, "C", "v0:other"),
        (WriteKind::Delete, "B", ""),
    ] {
        tick(60);
        let user = address(1);
        let write = StampWrite {
            address: user.clone(),
            items: vec![StampItem {
                provider: provider.into(),
                stamp: credential(&user, provider, &[nullifier]),
            }],
            kind,
        };
        let request = ScoreRequest {
            listing: Listing::BeforeScoring,
            ..request(1, &user)
        };
        let before = world.count("ceramic_cache_ceramiccache").await;
        let told = reader
            .write_stamps(write.clone(), request.clone(), Mode::DryRun)
            .await
            .unwrap();
        assert_eq!(world.count("ceramic_cache_ceramiccache").await, before);
        let written = writer
            .write_stamps(write, request, Mode::Commit)
            .await
            .unwrap();
        assert_told(&told, &written);
    }
}

/// The same score and effects, with the identifiers of new rows exchanged for placeholders.
fn assert_told(told: &Scored, written: &Scored) {
    assert_eq!(told.score, written.score);
    let ids = inserted(&told.effects)
        .into_iter()
        .zip(inserted(&written.effects));
    let ids: HashMap<_, _> = ids
        .map(|((table, told), (_, written))| {
            assert!(
                told < 0 && written > 0,
                "{table}: {told} stands for {written}"
            );
            ((table, told), written)
        })
        .collect();
    assert_eq!(resolved(&told.effects, &ids), written.effects);
    let listed = |scored: &Scored| {
        scored
            .stamps
            .iter()
            .map(|stamp| stamp.provider.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(told), listed(written));
}

type Ids = HashMap<(&'static str, i64), i64>;

fn inserted(effects: &Effects) -> Vec<(&'static str, i64)> {
    let id = |row: &Row| match row[0] {
        ("id", Cell::Int(id)) => id,
        ref other => panic!("a row starts with its identifier, not {other:?}"),
    };
    let changes = effects.0.iter();
    changes
        .filter_map(|change| match change {
            Change::Inserted { table, row } => Some((*table, id(row))),
            Change::Updated { .. } | Change::Deleted { .. } => None,
        })
        .collect()
}

fn resolved(effects: &Effects, ids: &Ids) -> Effects {
    let real = |table: &'static str, id: i64| ids.get(&(table, id)).copied().unwrap_or(id);
    let mut effects = effects.clone();
    for change in &mut effects.0 {
        let Change::Inserted { table, row } = change else {
            continue;
        };
        for (column, cell) in row {
            match (*column, cell) {
                ("id", Cell::Int(id)) => *id = real(table, *id),
                ("passport_id", Cell::Int(id)) => *id = real("registry_passport", *id),
                ("data", Cell::Json(data)) => refer(data, &real),
                _ => {}
            }
        }
    }
    effects
}

/// Exchanges the identifiers inside a score update event.
fn refer(data: &mut Value, real: &dyn Fn(&'static str, i64) -> i64) {
    let id = |value: Option<&Value>| {
        value
            .and_then(Value::as_int)
            .and_then(|id| i64::try_from(id).ok())
    };
    let Some(data) = data.as_dict_mut() else {
        return;
    };
    if let Some(score) = id(data.get("pk")) {
        data.insert("pk", real("registry_score", score));
    }
    if let Some(fields) = data.get_mut("fields").and_then(Value::as_dict_mut)
        && let Some(passport) = id(fields.get("passport"))
    {
        fields.insert("passport", real("registry_passport", passport));
    }
}

#[tokio::test]
async fn a_second_deletion_at_the_same_instant_fails_in_both_ways() {
    let world = World::start().await;
    world.community(1).await;
    let clock = Clock::fixed(DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap());
    let engine = engine(world.pool.clone(), clock);
    let user = address(0);
    let write = || StampWrite {
        address: user.clone(),
        items: vec![StampItem {
            provider: "A".into(),
            stamp: credential(&user, "A", &["v0:a"]),
        }],
        kind: WriteKind::Replace {
            source_app: 1,
            source_scorer_id: None,
        },
    };
    let stored = || StampWrite {
        kind: WriteKind::Replace {
            source_app: 1,
            source_scorer_id: Some(BigInt::from(1)),
        },
        ..write()
    };
    for _ in 0..2 {
        engine
            .write_stamps(stored(), request(1, &user), Mode::Commit)
            .await
            .unwrap();
    }
    for mode in [Mode::DryRun, Mode::Commit] {
        let failure = engine
            .write_stamps(stored(), request(1, &user), mode)
            .await
            .unwrap_err();
        assert_eq!(failure.effects, Effects::default(), "{mode:?}");
    }
}

#[tokio::test]
async fn an_insert_that_fails_leaves_the_deletion_before_it() {
    let world = World::start().await;
    world.community(1).await;
    let user = address(0);
    world.stamp(&user, "A", &["v0:a"]).await;
    let engine = engine(world.pool.clone(), Clock::system());
    let write = StampWrite {
        address: user.clone(),
        items: vec![StampItem {
            provider: "A".into(),
            stamp: Value::None,
        }],
        kind: WriteKind::Replace {
            source_app: 1,
            source_scorer_id: Some(BigInt::from(1)),
        },
    };
    for mode in [Mode::DryRun, Mode::Commit] {
        let failure = engine
            .write_stamps(write.clone(), request(1, &user), mode)
            .await
            .unwrap_err();
        assert_eq!(failure.effects.0.len(), 1, "{mode:?}: {failure}");
    }
    assert_eq!(
        world
            .count("ceramic_cache_ceramiccache WHERE deleted_at IS NULL")
            .await,
        0
    );
    assert_eq!(world.count("registry_passport").await, 0);
}
