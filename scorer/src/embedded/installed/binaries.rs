//! Where PostgreSQL is installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Folders that hold one folder per version, each with a `bin`.
const VERSIONED: [&str; 4] = [
    "/usr/lib/postgresql",
    "/usr/local/opt",
    "/opt/homebrew/opt",
    "/usr",
];
const PLAIN: [&str; 2] = ["/usr/local/pgsql/bin", "/usr/lib/postgresql/bin"];
/// Identity columns and the options used here are older; nothing earlier is tried in tests.
const OLDEST_MAJOR: u32 = 13;

/// `initdb` and `postgres` of one installation.
#[derive(Debug)]
pub(super) struct Binaries {
    directory: PathBuf,
    version: String,
}

impl Binaries {
    /// The one `pg_config` names, else the newest in the usual places, else the one on the path.
    pub(super) fn find() -> Option<Self> {
        let mut usual: Vec<_> = VERSIONED
            .iter()
            .flat_map(|parent| versions_below(Path::new(parent)))
            .chain(PLAIN.iter().map(PathBuf::from))
            .filter_map(Self::at)
            .collect();
        usual.sort_by_key(|binaries| std::cmp::Reverse(binaries.major()));
        pg_config()
            .and_then(Self::at)
            .or_else(|| usual.into_iter().next())
            .or_else(|| {
                let path = env::var_os("PATH")?;
                env::split_paths(&path).find_map(Self::at)
            })
    }

    fn at(directory: PathBuf) -> Option<Self> {
        if !directory.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(directory.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.split_whitespace().nth(2)?.to_owned();
        let binaries = Self { directory, version };
        (binaries.major() >= OLDEST_MAJOR).then_some(binaries)
    }

    fn major(&self) -> u32 {
        self.version
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// As `postgres --version` prints it, e.g. `15.14`.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.directory.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.directory.join("postgres")
    }
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (!text.trim().is_empty()).then(|| PathBuf::from(text.trim()))
}

fn versions_below(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.is_dir())
        .collect()
}
