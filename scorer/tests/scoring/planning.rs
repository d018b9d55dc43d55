//! How PostgreSQL plans for the scorer, whatever its statistics say.

use std::time::Duration;

use scorer::{clock::Clock, message::Mode, service::Databases, settings::Settings};
use sqlx::PgPool;

use crate::{
    round_trips::settings,
    world::{World, address, engine, request},
};

/// Connections as a server makes them.
fn connect(world: &World) -> PgPool {
    let url = ("DATABASE_URL".to_owned(), world.postgres.url());
    let settings = Settings::from_pairs(settings().into_iter().chain([url])).unwrap();
    Databases::connect(&settings).unwrap().primary
}

/// Planning the two long statements anew takes longer than running them.
#[tokio::test]
async fn statements_are_planned_once() {
    let world = World::start().await;
    let shown = sqlx::query_scalar("SHOW plan_cache_mode");
    let mode: String = shown.fetch_one(&connect(&world)).await.unwrap();
    assert_eq!(mode, "force_generic_plan");
}

/// Scoring an address again and again slowed down without end, up to the next vacuum, where a vacuum
/// had left few rows on many pages.
#[tokio::test]
async fn entries_of_replaced_stamps_are_not_visited_again_and_again() {
    const SCORINGS: i64 = 40;
    let world = World::start().await;
    world.community(1).await;
    let user = address(1);
    for provider in ["A", "B", "C", "D"] {
        world
            .stamp(&user, provider, &[&format!("v0:{provider}")])
            .await;
    }
    let score = async |times: i64| {
        let pool = connect(&world);
        let scorer = engine(pool.clone(), Clock::system());
        for _ in 0..times {
            scorer
                .score(request(1, &user), Mode::CommitUnlisted)
                .await
                .unwrap();
        }
        // What a connection counted is told when it ends.
        pool.close().await;
        let connected = "pg_stat_activity WHERE application_name = 'scorer'";
        while world.count(connected).await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let visited = "SELECT idx_tup_read FROM pg_stat_user_indexes
                       WHERE indexrelname LIKE 'registry_stamp_passport_id%'";
        let visited = sqlx::query_scalar::<_, i64>(visited);
        visited.fetch_one(&world.pool).await.unwrap()
    };
    score(1).await;
    sqlx::raw_sql(
        "ALTER TABLE registry_stamp SET (autovacuum_enabled = off);
         INSERT INTO registry_stamp (passport_id, provider, credential)
         SELECT passport_id, 'x' || n, credential FROM registry_stamp, generate_series(1, 10000) n",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    // The rows of this scoring lie behind all the others, so the file stays long.
    let before = score(1).await;
    sqlx::raw_sql("VACUUM (ANALYZE) registry_stamp")
        .execute(&world.pool)
        .await
        .unwrap();
    let visited = score(SCORINGS).await - before;
    assert_eq!(world.count("registry_stamp").await, 4);
    // Four to read, four to delete, and the four that were replaced last.
    assert!(
        visited <= SCORINGS * 16,
        "{visited} entries for {SCORINGS} scorings"
    );
}
