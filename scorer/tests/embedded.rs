//! A database that is started here is usable, and leaves nothing behind however it ends.

use std::path::{Path, PathBuf};

use scorer::embedded::{EmbeddedError, Options, Postgres, Source};

#[tokio::test]
async fn an_installed_or_carried_database_answers_and_leaves_nothing_behind() {
    let postgres = Postgres::start(Options::default()).await.unwrap();
    let pool = postgres.pool();
    let one: i32 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(one, 1);
    let directory = socket_directory(&postgres);
    assert!(directory.exists());

    pool.close().await;
    drop(postgres);
    assert!(
        !directory.exists(),
        "{} is still there",
        directory.display()
    );
    assert_eq!(processes_naming(&directory), Vec::<String>::new());
}

#[cfg(feature = "carried-postgres")]
#[tokio::test]
async fn the_carried_database_says_that_it_serves_one_connection() {
    let postgres = Postgres::start(Options::temporary(Source::Carried))
        .await
        .unwrap();
    assert!(postgres.is_carried());
    assert_eq!(postgres.max_connections(), 1);
    let pool = postgres.pool();
    let text: String = sqlx::query_scalar("SELECT 'é' || 1.50::numeric(7,4)")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(text, "é1.5000");
    pool.close().await;
}

#[tokio::test]
async fn a_data_directory_keeps_its_rows() {
    let parent = tempfile::Builder::new().prefix("kept-").tempdir().unwrap();
    open_to_all(parent.path());
    let options = Options {
        data_directory: Some(parent.path().join("data")),
        ..Options::default()
    };
    for expected in 1..=2_i64 {
        let postgres = Postgres::start(options.clone()).await.unwrap();
        let pool = postgres.pool();
        for statement in [
            "CREATE TABLE IF NOT EXISTS kept (number bigint)",
            "INSERT INTO kept SELECT count(*) + 1 FROM kept",
        ] {
            sqlx::query(statement).execute(&pool).await.unwrap();
        }
        let rows: i64 = sqlx::query_scalar("SELECT max(number) FROM kept")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(rows, expected);
        pool.close().await;
    }
}

#[tokio::test]
async fn an_unreachable_database_is_named_without_its_password() {
    let options = Options {
        database_url: Some("postgres://someone:hidden@127.0.0.1:1/scores".to_owned()),
        ..Options::default()
    };
    let error = Postgres::start(options).await.unwrap_err();
    assert!(
        matches!(error, EmbeddedError::Unreachable { .. }),
        "{error}"
    );
    let text = format!("{error} {error:?}");
    assert!(text.contains("127.0.0.1:1/scores"), "{text}");
    assert!(!text.contains("hidden"), "{text}");
}

#[test]
fn an_unknown_source_is_refused_by_name() {
    let error = "sqlite".parse::<Source>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`sqlite` is no source of PostgreSQL: expected any, installed or carried"
    );
}

fn socket_directory(postgres: &Postgres) -> PathBuf {
    postgres
        .connect_options()
        .get_socket()
        .expect("a database started here listens on a Unix socket")
        .clone()
}

/// The server may run as another user than the test.
fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))
        .expect("a directory of this test");
}

/// Command lines of running processes that mention the directory.
fn processes_naming(directory: &Path) -> Vec<String> {
    let name = directory.to_string_lossy().into_owned();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&name))
        .collect()
}
