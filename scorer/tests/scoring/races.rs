//! Requests at the same time leave what some order of them, one after the other, would leave.

use std::sync::Arc;

use futures::future::join_all;
use num_bigint::BigInt;
use scorer::{
    domain::stamp_write::StampItem,
    message::Mode,
    store::{
        scoring::Listing,
        stamps::{StampWrite, WriteKind},
    },
};

use crate::world::{World, address, credential, request};

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
        let scorings = (0..USERS).map(|user| {
            let engine = engine.clone();
            tokio::spawn(async move {
                engine
                    .score(request(community, &address(user)), Mode::Commit)
                    .await
            })
        });
        for scored in join_all(scorings).await {
            let score = scored.unwrap().expect("a score").score;
            assert_eq!(
                score.error, None,
                "{connections} connections, {}",
                score.address
            );
        }

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
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_scored_by_two_processes_keeps_one_passport_and_its_stamps_once() {
    let world = World::start().await;
    world.community(1).await;
    share_nullifiers(&world, 1).await;
    // Two engines share no lock, as two processes do not.
    let engines = [Arc::new(world.engine(4)), Arc::new(world.engine(4))];
    let scorings = (0..16).map(|turn| {
        let engine = engines[turn % 2].clone();
        tokio::spawn(async move { engine.score(request(1, &address(0)), Mode::Commit).await })
    });
    for scored in join_all(scorings).await {
        let score = scored.unwrap().expect("a score").score;
        assert_eq!((score.error, score.score.as_str()), (None, "3.60000"));
    }
    assert_eq!(world.count("registry_passport").await, 1);
    assert_eq!(world.count("registry_score WHERE status = 'DONE'").await, 1);
    assert_eq!(world.count("registry_stamp").await, 4);
    assert_eq!(world.count("registry_hashscorerlink").await, 5);
    assert_eq!(world.count("registry_event WHERE action = 'SCU'").await, 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_posts_of_one_provider_leave_one_live_row() {
    let world = World::start().await;
    world.community(1).await;
    for connections in [1, 5] {
        let user = address(connections as usize);
        let engine = Arc::new(world.engine(connections));
        let posts = (0..8).map(|turn| {
            let (engine, user) = (engine.clone(), user.clone());
            tokio::spawn(async move {
                let nullifier = format!("v0:{user}{turn}");
                let write = StampWrite {
                    address: user.clone(),
                    items: vec![StampItem {
                        provider: "A".into(),
                        stamp: credential(&user, "A", &[&nullifier]),
                    }],
                    kind: WriteKind::Replace {
                        source_app: 1,
                        source_scorer_id: Some(BigInt::from(1)),
                    },
                };
                let request = scorer::store::scoring::ScoreRequest {
                    listing: Listing::BeforeScoring,
                    ..request(1, &user)
                };
                engine.write_stamps(write, request, Mode::Commit).await
            })
        });
        for posted in join_all(posts).await {
            let scored = posted.unwrap().expect("stored and scored");
            assert_eq!((scored.stamps.len(), scored.score.error), (1, None));
        }
        let rows = format!("ceramic_cache_ceramiccache WHERE address = '{user}'");
        assert_eq!(
            world.count(&format!("{rows} AND deleted_at IS NULL")).await,
            1
        );
        assert_eq!(world.count(&rows).await, 8);
    }
}
