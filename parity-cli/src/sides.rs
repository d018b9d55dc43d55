//! Opening the two sides that commands compare, from what the command line says of them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use parity::{fixture::Reader, ledger::Ledger, rules::Rules};
use scorer::{
    embedded::{Options, Postgres, Source},
    message::Mode,
    settings::Settings,
};

use crate::{
    backend::{Backend, Embedded, HttpClient, Live, Recorded},
    database::{DatabaseError, Seed, TestDatabase, TestRedis},
    exit::Failure,
    terminal::Terminal,
};

/// Rules for fixtures that bring none.
const BUILT_IN_RULES: &str = include_str!("../../fixtures/passport/rules.toml");

/// Which backends to compare.
#[derive(Debug, Args)]
pub struct Sides {
    /// The trusted side: `recorded`, `embedded` for the scorer in this process, or the address of a
    /// backend such as http://127.0.0.1:8000.
    #[arg(long, value_name = "recorded|embedded|URL", default_value = "recorded")]
    pub reference: String,
    /// The new side: `embedded` for the scorer in this process, or the address of a backend.
    #[arg(long, value_name = "embedded|URL", default_value = "embedded")]
    pub candidate: String,
    /// Test database of a live reference. It is emptied, filled with the seed, reset for every
    /// scenario and watched for changed rows; it has to be marked as a test database.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_REFERENCE_DB",
        hide_env_values = true
    )]
    pub reference_db: Option<String>,
    /// Test database of a live candidate, as for the reference.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_CANDIDATE_DB",
        hide_env_values = true
    )]
    pub candidate_db: Option<String>,
    /// Redis database of a live reference, with its number in the URL. It is emptied before every
    /// scenario and before steps that ask for it, and watched for entries that are set; it has to be
    /// marked as a test database.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_REFERENCE_REDIS",
        hide_env_values = true
    )]
    pub reference_redis: Option<String>,
    /// Redis database of a live candidate, as for the reference.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_CANDIDATE_REDIS",
        hide_env_values = true
    )]
    pub candidate_redis: Option<String>,
    /// Server on which the embedded candidate's databases are made, under names of their own;
    /// without it, an installed PostgreSQL is started, else the carried one.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_POSTGRES",
        hide_env_values = true
    )]
    pub postgres: Option<String>,
    /// Let the embedded candidate write nothing, and compare the rows it says it would write.
    #[arg(long)]
    pub dry_run: bool,
    /// How long a live backend may take to answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub timeout: u64,
    /// How far the clock of a live backend may be from the clock of this machine, in milliseconds.
    /// A time in an answer or a row agrees when each side took it from its own clock during the
    /// exchange.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub clock_skew: u64,
}

/// Which rules to compare by.
#[derive(Debug, Args)]
pub struct RulesFile {
    /// Rules to compare by. Without it, `rules.toml` beside the fixtures, else the built-in rules
    /// of the Passport scorer.
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
}

/// Which divergences are accepted.
#[derive(Debug, Args)]
pub struct LedgerFile {
    /// Accepted divergences. Without it, `ledger.toml` beside the fixtures, if there is one.
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

impl LedgerFile {
    /// Reads the ledger; an empty one where there is no file.
    ///
    /// # Errors
    /// Names the file that cannot be read or is not understood.
    pub fn read(&self, fixtures: &Path) -> Result<Ledger, Failure> {
        let beside = fixtures.join("ledger.toml");
        match self
            .ledger
            .clone()
            .or_else(|| beside.exists().then_some(beside))
        {
            Some(path) => Ledger::read(&path)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display()))),
            None => Ok(Ledger::none()),
        }
    }
}

impl RulesFile {
    /// Reads the rules.
    ///
    /// # Errors
    /// Names the file and the line that is not understood.
    pub fn read(&self, fixtures: &Path, terminal: Terminal) -> Result<Rules, Failure> {
        let path = self.path(fixtures);
        if path.is_none() {
            terminal.note("comparing by the built-in rules: the fixtures have no rules.toml");
        }
        Rules::load(&self.text(fixtures)?).map_err(|error| match path {
            Some(path) => Failure::usage(format!("{}: {error}", path.display())),
            None => Failure::internal(error),
        })
    }

    /// The rules as written.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn text(&self, fixtures: &Path) -> Result<String, Failure> {
        match self.path(fixtures) {
            None => Ok(BUILT_IN_RULES.to_owned()),
            Some(path) => std::fs::read_to_string(&path).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", path.display()))
            }),
        }
    }

    /// The file to read; none for the built-in rules.
    fn path(&self, fixtures: &Path) -> Option<PathBuf> {
        let beside = fixtures.join("rules.toml");
        self.rules
            .clone()
            .or_else(|| beside.exists().then_some(beside))
    }
}

impl Sides {
    /// Opens both sides: reference, candidate.
    ///
    /// # Errors
    /// A side cannot be reached, started or brought to the seed.
    pub async fn open(
        &self,
        reader: &Reader,
        origin: &Path,
    ) -> Result<[Arc<dyn Backend>; 2], Failure> {
        let seed = reader.seed().map_err(Failure::usage)?;
        let seed = seed.map(|sql| Seed::of_fixtures(origin, sql));
        if self.dry_run && (self.candidate != "embedded" || self.reference != "recorded") {
            return Err(Failure::usage(
                "--dry-run needs a recorded reference and the embedded candidate",
            ));
        }
        let reference: Arc<dyn Backend> = match self.reference.as_str() {
            "recorded" => Arc::new(Recorded),
            "embedded" => Arc::new(self.embedded(reader, seed.clone()).await?),
            url => {
                let (database, redis) = (&self.reference_db, &self.reference_redis);
                Arc::new(self.live(url, database, redis).open(seed.as_ref()).await?)
            }
        };
        let candidate: Arc<dyn Backend> = match self.candidate.as_str() {
            "embedded" => Arc::new(self.embedded(reader, seed).await?),
            url => {
                let (database, redis) = (&self.candidate_db, &self.candidate_redis);
                Arc::new(self.live(url, database, redis).open(seed.as_ref()).await?)
            }
        };
        Ok([reference, candidate])
    }

    async fn embedded(&self, reader: &Reader, seed: Option<Seed>) -> Result<Embedded, Failure> {
        let mode = if self.dry_run {
            Mode::DryRun
        } else {
            Mode::CommitUnlisted
        };
        let settings = &reader.manifest().settings;
        open_embedded(settings, seed, mode, self.postgres.as_deref()).await
    }

    fn live<'a>(
        &self,
        url: &'a str,
        database: &'a Option<String>,
        redis: &'a Option<String>,
    ) -> LiveSide<'a> {
        LiveSide {
            url,
            database: database.as_deref(),
            redis: redis.as_deref(),
            timeout: Duration::from_millis(self.timeout),
            clock_skew: Duration::from_millis(self.clock_skew),
        }
    }
}

/// A live backend as the command line names it.
pub(crate) struct LiveSide<'a> {
    pub(crate) url: &'a str,
    pub(crate) database: Option<&'a str>,
    pub(crate) redis: Option<&'a str>,
    pub(crate) timeout: Duration,
    pub(crate) clock_skew: Duration,
}

impl LiveSide<'_> {
    /// Connects to what is given of it, and brings that to the seed.
    pub(crate) async fn open(&self, seed: Option<&Seed>) -> Result<Live, Failure> {
        let client = HttpClient::new(self.url, self.timeout).map_err(Failure::usage)?;
        let database = match self.database {
            Some(url) => Some(
                TestDatabase::open(url, seed)
                    .await
                    .map_err(Failure::usage)?,
            ),
            None => None,
        };
        let redis = match self.redis {
            Some(url) => Some(TestRedis::open(url).await.map_err(Failure::usage)?),
            None => None,
        };
        Ok(Live::new(client, database, redis, self.clock_skew))
    }
}

/// Starts the embedded scorer on databases of its own: on the server at `postgres`, else on an
/// installed PostgreSQL, else on the carried one.
///
/// # Errors
/// The settings or the seed cannot be used, or no server can be started.
pub async fn open_embedded(
    settings: &[(String, String)],
    seed: Option<Seed>,
    mode: Mode,
    postgres: Option<&str>,
) -> Result<Embedded, Failure> {
    let blame = |error: &dyn std::fmt::Display| match postgres {
        Some(_) => Failure::usage(error),
        None => Failure::internal(error),
    };
    let settings = Settings::from_pairs(settings.iter().cloned())
        .map_err(|error| Failure::usage(format!("the fixtures' settings: {error}")))?;
    let options = Options {
        database_url: postgres.map(ToOwned::to_owned),
        source: Source::from_env().map_err(Failure::usage)?,
        data_directory: None,
    };
    let server = Postgres::start(options)
        .await
        .map_err(|error| blame(&error))?;
    Embedded::prepare(server, settings, &seed.unwrap_or_default(), mode)
        .await
        .map_err(|error| match error {
            DatabaseError::Seed { .. } | DatabaseError::SeedLine { .. } => Failure::usage(error),
            error => blame(&error),
        })
}
