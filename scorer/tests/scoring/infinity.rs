//! Instants without end, which PostgreSQL has and Python has not.

use scorer::message::Mode;

use crate::world::{World, address, request};

#[tokio::test]
async fn a_claim_without_end_is_held_against_others_and_kept_up_by_its_owner() {
    let world = World::start().await;
    world.community(1).await;
    let engine = world.engine(2);
    for owner in [address(1), address(2)] {
        world.stamp(&owner, "A", &["v0:shared"]).await;
    }
    let scored = async |who: &str| {
        let scored = engine.score(request(1, who), Mode::Commit).await;
        let score = scored.expect("a score").score;
        assert_eq!(score.error, None);
        score.score
    };
    let links = "registry_hashscorerlink WHERE expires_at";
    let first = scored(&address(1)).await;
    let expire = async |end: &str| {
        sqlx::query("UPDATE registry_hashscorerlink SET expires_at = $1::timestamptz")
            .bind(end)
            .execute(&world.pool)
            .await
            .unwrap();
    };
    expire("infinity").await;
    assert_ne!(scored(&address(2)).await, first, "the claim holds");
    assert_eq!(world.count(&format!("{links} = 'infinity'")).await, 1);
    assert_eq!(scored(&address(1)).await, first);
    assert_eq!(
        world.count(&format!("{links} = '2100-01-01Z'")).await,
        1,
        "the claim lasts as long as the stamp again"
    );
    expire("-infinity").await;
    assert_eq!(scored(&address(2)).await, first, "the claim has lapsed");
}
