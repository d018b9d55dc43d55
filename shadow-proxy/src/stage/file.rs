//! The stage on disk: it survives a restart, and is never half written.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{AuditLine, Standing};

const VERSION: u32 = 1;

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    version: u32,
    pub(super) standing: Standing,
    /// Newest last.
    pub(super) audit: Vec<AuditLine>,
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot read the stage from {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// Guessing a stage could put users on the wrong backend.
    #[error(
        "{path} does not hold a stage ({message}): repair it, or remove it to start at stage.initial"
    )]
    Content { path: PathBuf, message: String },
}

/// The stage left by the last run; `None` when there was none.
///
/// # Errors
/// When the file is there but cannot be understood.
pub(super) fn read(path: &Path) -> Result<Option<Kept>, StateError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(StateError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let wrong = |message: String| StateError::Content {
        path: path.to_owned(),
        message,
    };
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if kept.version > VERSION {
        return Err(wrong(format!(
            "version {} is newer than this program",
            kept.version
        )));
    }
    Ok(Some(kept))
}

/// Replaces the file in one step.
///
/// # Errors
/// When it cannot be written; the old one is untouched.
pub(super) fn write(path: &Path, standing: Standing, audit: &[AuditLine]) -> io::Result<()> {
    let kept = Kept {
        version: VERSION,
        standing,
        audit: audit.to_vec(),
    };
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec_pretty(&kept)?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // The name too has to reach the disk.
    match path.parent().filter(|parent| *parent != Path::new("")) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
