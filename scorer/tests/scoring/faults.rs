//! A database that goes away under load: whoever gets an answer gets the right one, what was
//! answered is stored, nothing is stored by halves, and service resumes without a restart.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use scorer::{message::Mode, store::scoring::Engine};
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{
    restartable::{Ending, PATIENCE, Restartable},
    world::{Believe, World, address, community, engine, populate, request},
};
use scorer::clock::Clock;

const USERS: usize = 12;
/// Of the weights 1, 0.1, 2 and 0.5; every user has all four providers to itself.
const SCORE: &str = "3.60000";

async fn furnish(pool: &PgPool) {
    populate(pool).await;
    community(pool, 1).await;
    for user in 0..USERS {
        for provider in ["A", "B", "C", "D"] {
            let nullifier = format!("v0:{provider}{user}");
            World::add_stamp(pool, &address(user), provider, &[&nullifier]).await;
        }
    }
}

fn pool(database: &Restartable) -> PgPool {
    PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(Duration::from_secs(2))
        .test_before_acquire(false)
        .connect_lazy(&database.url())
        .unwrap()
}

/// Users who ask again and again until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<[AtomicUsize]>,
    failed: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(engine: &Arc<Engine<Believe>>) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let failed = Arc::<AtomicUsize>::default();
        let answered: Arc<[AtomicUsize]> = (0..USERS).map(|_| AtomicUsize::new(0)).collect();
        let clients = (0..4).map(|client| {
            let (stop, failed) = (Arc::clone(&stop), Arc::clone(&failed));
            let (answered, engine) = (Arc::clone(&answered), Arc::clone(engine));
            tokio::spawn(async move {
                for turn in client.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let user = turn * 5 % USERS;
                    let address = address(user);
                    match engine.score(request(1, &address), Mode::Commit).await {
                        Ok(scored) => {
                            let score = scored.score;
                            assert_eq!((score.error, score.score.as_str()), (None, SCORE));
                            answered[user].fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            // A database that refuses at once must not be asked in a tight loop.
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
            })
        });
        Self {
            clients: clients.collect(),
            stop,
            answered,
            failed,
        }
    }

    fn answered(&self) -> usize {
        let counts = self
            .answered
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        counts.sum()
    }

    /// Waits until so many more were answered.
    async fn served(&self, more: usize) {
        let wanted = self.answered() + more;
        let served = async {
            while self.answered() < wanted {
                assert!(
                    !self
                        .clients
                        .iter()
                        .any(tokio::task::JoinHandle::is_finished),
                    "a client met a wrong answer"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, served)
            .await
            .expect("service should go on without a restart");
    }

    /// Lets what is open finish; how many were answered, by user, and how many failed.
    async fn end(self) -> (Vec<usize>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        let answered = self
            .answered
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        (answered.collect(), self.failed.load(Ordering::Relaxed))
    }
}

/// Every answer was stored whole, and nothing else was stored but what failed after its commit.
async fn check_rows(database: &Restartable, answered: &[usize], failed: usize) {
    let pool = PgPool::connect_lazy(&database.url()).unwrap();
    let count = |from: String| {
        let pool = &pool;
        async move { World::count_in(pool, &from).await }
    };
    for (user, answered) in answered.iter().enumerate() {
        let address = address(user);
        let seen = i64::from(*answered > 0);
        let passports = count(format!("registry_passport WHERE address = '{address}'")).await;
        assert!(
            passports >= seen && passports <= 1,
            "{address}: {passports}"
        );
        let whole = count(format!(
            "registry_score s JOIN registry_passport p ON p.id = s.passport_id
             WHERE p.address = '{address}' AND s.status = 'DONE'
             AND s.score = 1 AND s.evidence ->> 'rawScore' LIKE '3.6%'"
        ))
        .await;
        assert_eq!(
            whole, passports,
            "{address}: a passport and its score are one statement"
        );
        let stamps = count(format!(
            "registry_stamp s JOIN registry_passport p ON p.id = s.passport_id
             WHERE p.address = '{address}'"
        ))
        .await;
        assert_eq!(stamps, 4 * passports, "{address}");
        let links = count(format!(
            "registry_hashscorerlink WHERE address = '{address}'"
        ))
        .await;
        assert_eq!(links, 4 * passports, "{address}");
        let events = count(format!(
            "registry_event WHERE action = 'SCU' AND address = '{address}'"
        ))
        .await;
        let answered = i64::try_from(*answered).unwrap();
        let failed = i64::try_from(failed).unwrap();
        assert!(
            events >= answered && events <= answered + failed,
            "{address}: {events} events for {answered} answers and {failed} failures"
        );
    }
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_killed_under_load_costs_errors_and_nothing_else() {
    let mut database = Restartable::start(furnish).await;
    let engine = Arc::new(engine(pool(&database), Clock::system()));
    let load = Load::start(&engine);
    load.served(USERS).await;
    for ending in [Ending::Killed, Ending::Immediate, Ending::Fast] {
        database.end(ending).await;
        database.resume().await;
        load.served(USERS).await;
    }
    let (answered, failed) = load.end().await;
    assert!(failed > 0, "nobody noticed three restarts");
    check_rows(&database, &answered, failed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_under_load_are_replaced() {
    let database = Restartable::start(furnish).await;
    let engine = Arc::new(engine(pool(&database), Clock::system()));
    let load = Load::start(&engine);
    load.served(USERS).await;
    let mut knife = database.connection().await;
    let mut cut = 0;
    for _ in 0..20 {
        let ended: i64 = sqlx::query_scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
        .fetch_one(&mut knife)
        .await
        .unwrap();
        cut += ended;
        load.served(2).await;
    }
    let (answered, failed) = load.end().await;
    assert!(cut > 0);
    check_rows(&database, &answered, failed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_times_out_leaves_nothing_behind() {
    let database = Restartable::start(furnish).await;
    let mut other = database.connection().await;
    sqlx::raw_sql("ALTER ROLE postgres SET statement_timeout = '300ms'")
        .execute(&mut other)
        .await
        .unwrap();
    let engine = engine(pool(&database), Clock::system());
    sqlx::raw_sql("BEGIN; LOCK TABLE registry_score")
        .execute(&mut other)
        .await
        .unwrap();
    let user = address(0);
    let failure = engine.score(request(1, &user), Mode::Commit).await;
    assert!(failure.is_err(), "{failure:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    for table in [
        "registry_passport",
        "registry_stamp",
        "registry_event",
        "registry_hashscorerlink",
    ] {
        let pool = pool(&database);
        assert_eq!(World::count_in(&pool, table).await, 0, "{table}");
        pool.close().await;
    }
    let scored = engine.score(request(1, &user), Mode::Commit).await.unwrap();
    assert_eq!(scored.score.score, SCORE);
}

/// The machine's clock may be set at any time: an expiry is judged by what it shows now.
#[tokio::test]
async fn a_clock_that_jumps_scores_as_the_clock_shows() {
    let world = World::start().await;
    world.community(1).await;
    world.stamp(&address(0), "A", &["v0:a"]).await;
    let instant = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let clock = Clock::fixed(instant("2026-01-15T12:00:00Z"));
    let engine = engine(world.pool.clone(), clock.clone());
    for (now, score) in [
        ("2026-01-15T12:00:00Z", "1.00000"),
        // The credentials of this world end with the year 2099.
        ("2100-01-01T00:00:01Z", "0.00000"),
        ("2025-12-31T23:59:59Z", "1.00000"),
        ("1970-01-01T00:00:00Z", "1.00000"),
    ] {
        assert!(clock.set(instant(now)));
        let user = address(0);
        let scored = engine.score(request(1, &user), Mode::Commit).await.unwrap();
        assert_eq!(
            (scored.score.error, scored.score.score.as_str()),
            (None, score),
            "{now}"
        );
    }
    assert_eq!(world.count("registry_passport").await, 1);
    assert_eq!(world.count("registry_score WHERE status = 'DONE'").await, 1);
}
