//! Communities that are looked up in a read database of their own.

use num_bigint::BigInt;
use scorer::{
    clock::Clock,
    message::Mode,
    store::{CommunityRef, failure::Cause, scoring::ScoreRequest},
};

use crate::world::{ACCOUNT, World, address, community, engine, request};

#[tokio::test]
async fn look_ups_read_the_registry_and_scorings_write_the_primary() {
    let world = World::start().await;
    let registry = world.second_database().await;
    // Known by its external number in the registry only; the other is not there yet.
    for pool in [&world.pool, &registry] {
        community(pool, 7).await;
    }
    world.community(8).await;
    sqlx::query("UPDATE account_community SET external_scorer_id = '5' WHERE id = 7")
        .execute(&registry)
        .await
        .unwrap();
    let plain = engine(world.pool.clone(), Clock::system());
    let split = engine(world.pool.clone(), Clock::system()).with_registry(Some(registry.clone()));

    let address = address(1);
    let asked = |id: i64, kind: fn(BigInt) -> CommunityRef| ScoreRequest {
        community: kind(BigInt::from(id)),
        ..request(0, &address)
    };
    let in_account: fn(BigInt) -> CommunityRef = |id| CommunityRef::InAccount {
        account_id: ACCOUNT,
        id,
    };
    let by_id: fn(BigInt) -> CommunityRef = CommunityRef::Id;
    let via: fn(BigInt) -> CommunityRef = CommunityRef::Via;
    for (id, kind, in_primary, in_registry) in [
        (5, in_account, false, true),
        (7, in_account, true, true),
        (8, in_account, true, false),
        (8, by_id, true, false),
        (7, by_id, true, true),
        // The owner is asked of the primary, its community of the registry.
        (8, via, true, false),
        (7, via, true, true),
        (9, via, false, false),
    ] {
        for (engine, is_known) in [(&plain, in_primary), (&split, in_registry)] {
            let scored = engine.score(asked(id, kind), Mode::Commit).await;
            match scored {
                Ok(_) => assert!(is_known, "{id}"),
                Err(failure) => {
                    assert!(!is_known, "{id}: {failure:?}");
                    assert!(matches!(failure.cause, Cause::UnknownCommunity), "{id}");
                }
            }
        }
    }
    assert_eq!(
        world
            .count("registry_passport WHERE community_id = 7")
            .await,
        1
    );
    let in_registry: i64 = sqlx::query_scalar("SELECT count(*) FROM registry_passport")
        .fetch_one(&registry)
        .await
        .unwrap();
    assert_eq!(in_registry, 0, "nothing is written there");
    registry.close().await;
}
