//! Requests at the same time leave what some order of them, one after the other, would leave.

use std::sync::Arc;

use futures::future::join_all;
use num_bigint::BigInt;
use scorer::{
    domain::stamp_write::StampItem,
    effects::Effects,
    message::Mode,
    python::Value,
    store::{
        failure::{Cause, Failure},
        scoring::{Engine, Listing, ScoreRequest, Scored},
        stamps::{StampWrite, WriteKind},
    },
};

use crate::{
    told::{Rows, assert_rows_are_told, events},
    world::{Believe, World, address, credential, request},
};

/// Sixty-four users: everyone holds `common` and `pair`, eight share each of eight others.
async fn share_nullifiers(world: &World, users: usize) {
    for user in 0..users {
        let address = address(user);
        world
            .stamp(&address, "A", &[&format!("v0:a{}", user % 8)])
            .await;
        world.stamp(&address, "B", &["v0:common"]).await;
        world
            .stamp(&address, "C", &[&format!("v0:own{user}")])
            .await;
        world
            .stamp(&address, "D", &["v0:pair", &format!("v0:pair{user}")])
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_nullifier_has_one_winner_and_the_losers_their_events() {
    const USERS: usize = 64;
    let world = World::start().await;
    share_nullifiers(&world, USERS).await;
    for connections in [1, 2, 5] {
        let community = i64::from(connections);
        world.community(community).await;
        let engine = Arc::new(world.engine(connections));
        let before = Rows::of(&world).await;
        let scorings = (0..USERS).map(|user| {
            let engine = engine.clone();
            tokio::spawn(async move {
                engine
                    .score(request(community, &address(user)), Mode::Commit)
                    .await
            })
        });
        let mut effects = Vec::new();
        let mut passing = 0;
        for scored in join_all(scorings).await {
            let scored = scored.unwrap().expect("a score");
            let score = scored.score;
            assert_eq!(
                score.error, None,
                "{connections} connections, {}",
                score.address
            );
            let lost = deduplicated(&score.stamps);
            assert_eq!(events(&scored.effects, "LDP"), lost, "{}", score.address);
            assert_eq!(events(&scored.effects, "SCU"), 1);
            passing += i64::from(score.passing_score);
            effects.push(scored.effects);
        }
        assert_rows_are_told(&world, &before, &effects).await;

        let count = |from: String| {
            let world = &world;
            async move { world.count(&from).await }
        };
        let links = format!("registry_hashscorerlink WHERE community_id = {community} AND hash");
        assert_eq!(count(format!("{links} = 'v0:common'")).await, 1);
        assert_eq!(count(format!("{links} LIKE 'v0:a%'")).await, 8);
        assert_eq!(count(format!("{links} LIKE 'v0:own%'")).await, 64);
        let owner = format!("(SELECT address FROM {links} = 'v0:pair')");
        let backfilled = format!("{links} LIKE 'v0:pair%' AND address = {owner}");
        assert_eq!(
            count(backfilled).await,
            65,
            "the winner is given what the losers hold besides"
        );

        let events = format!("registry_event WHERE community_id = {community} AND action");
        for (provider, losers) in [("A", 56), ("B", 63), ("D", 63)] {
            let lost = format!("{events} = 'LDP' AND data ->> 'provider' = '{provider}'");
            assert_eq!(
                count(lost).await,
                losers,
                "{provider}, {connections} connections"
            );
            let shown = format!(
                "registry_score s JOIN registry_passport p ON p.id = s.passport_id
                 WHERE p.community_id = {community} AND s.stamps -> '{provider}' ->> 'dedup' = 'false'"
            );
            assert_eq!(count(shown).await, 64 - losers);
        }
        assert_eq!(count(format!("{events} = 'SCU'")).await, 64);
        let qualified = "registry_humanpointscommunityqualifiedusers WHERE community_id";
        assert_eq!(count(format!("{qualified} = {community}")).await, passing);
    }
}

/// How many of the stamps shown were taken out.
fn deduplicated(stamps: &Value) -> usize {
    let stamps = stamps.as_dict().unwrap();
    let is_out = |stamp: &&Value| stamp.get("dedup").and_then(Value::as_bool) == Some(true);
    stamps.values().filter(is_out).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_scored_by_two_processes_keeps_one_passport_and_its_stamps_once() {
    let world = World::start().await;
    world.community(1).await;
    share_nullifiers(&world, 1).await;
    let before = Rows::of(&world).await;
    // Two engines share no lock, as two processes do not.
    let engines = [Arc::new(world.engine(4)), Arc::new(world.engine(4))];
    let scorings = (0..16).map(|turn| {
        let engine = engines[turn % 2].clone();
        tokio::spawn(async move { engine.score(request(1, &address(0)), Mode::Commit).await })
    });
    let mut effects = Vec::new();
    for scored in join_all(scorings).await {
        let scored = scored.unwrap().expect("a score");
        let score = scored.score;
        assert_eq!((score.error, score.score.as_str()), (None, "3.60000"));
        effects.push(scored.effects);
    }
    assert_rows_are_told(&world, &before, &effects).await;
    assert_eq!(world.count("registry_passport").await, 1);
    assert_eq!(world.count("registry_score WHERE status = 'DONE'").await, 1);
    assert_eq!(world.count("registry_stamp").await, 4);
    assert_eq!(world.count("registry_hashscorerlink").await, 5);
    assert_eq!(world.count("registry_event WHERE action = 'SCU'").await, 16);
    let qualified = "registry_humanpointscommunityqualifiedusers";
    assert_eq!(world.count(qualified).await, 1);
    assert_eq!(world.count("registry_humanpoints").await, 4);
}

/// A stamp of provider `A` with a nullifier of its own.
fn post(user: &str, nullifier: &str) -> StampWrite {
    StampWrite {
        address: user.to_owned(),
        items: vec![StampItem {
            provider: "A".into(),
            stamp: credential(user, "A", &[nullifier]),
        }],
        kind: WriteKind::Replace {
            source_app: 1,
            source_scorer_id: Some(BigInt::from(1)),
        },
    }
}

/// Eight posts of one provider at once, in turn through the engines given.
async fn post_at_once(
    engines: &[Arc<Engine<Believe>>],
    user: &str,
) -> Vec<Result<Scored, Failure>> {
    let posts = (0..8).map(|turn| {
        let (engine, user) = (engines[turn % engines.len()].clone(), user.to_owned());
        tokio::spawn(async move {
            let request = ScoreRequest {
                listing: Listing::BeforeScoring,
                ..request(1, &user)
            };
            let write = post(&user, &format!("v0:{user}{turn}"));
            engine.write_stamps(write, request, Mode::Commit).await
        })
    });
    let posted = join_all(posts).await.into_iter();
    posted.map(|posted| posted.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_posts_of_one_provider_leave_one_live_row() {
    let world = World::start().await;
    world.community(1).await;
    for connections in [1, 2, 5] {
        let user = address(connections as usize);
        let before = Rows::of(&world).await;
        let engine = Arc::new(world.engine(connections));
        let mut effects = Vec::new();
        for posted in post_at_once(&[engine], &user).await {
            let scored = posted.expect("stored and scored");
            assert_eq!((scored.stamps.len(), scored.score.error), (1, None));
            effects.push(scored.effects);
        }
        assert_rows_are_told(&world, &before, &effects).await;
        let rows = format!("ceramic_cache_ceramiccache WHERE address = '{user}'");
        assert_eq!(
            world.count(&format!("{rows} AND deleted_at IS NULL")).await,
            1
        );
        assert_eq!(world.count(&rows).await, 8);
    }
}

/// As in the Python service, whoever comes between the deletion and the insert of another is refused
/// by the unique index.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_posts_through_two_processes_leave_one_live_row() {
    let world = World::start().await;
    world.community(1).await;
    let before = Rows::of(&world).await;
    let user = address(0);
    let engines = [Arc::new(world.engine(4)), Arc::new(world.engine(4))];
    let posted = post_at_once(&engines, &user).await;
    let stored = posted.iter().filter(|posted| posted.is_ok()).count();
    assert!(stored > 0);
    let told = |posted: Result<Scored, Failure>| match posted {
        Ok(scored) => scored.effects,
        Err(Failure {
            cause: Cause::Database(error),
            effects,
        }) => {
            let error = error
                .as_database_error()
                .expect("a refusal of the database");
            assert!(error.is_unique_violation(), "{error}");
            effects
        }
        Err(failure) => panic!("{failure}"),
    };
    let effects: Vec<Effects> = posted.into_iter().map(told).collect();
    assert_rows_are_told(&world, &before, &effects).await;
    let rows = format!("ceramic_cache_ceramiccache WHERE address = '{user}'");
    let live = format!("{rows} AND deleted_at IS NULL");
    assert_eq!(world.count(&live).await, 1);
    assert_eq!(world.count(&rows).await, stored as i64);
    assert_eq!(world.count("registry_passport").await, 1);
    assert_eq!(world.count("registry_stamp").await, 1);
}
