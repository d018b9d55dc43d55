//! One file per subcommand: its arguments, and a `run` that carries it out.

pub mod completions;
pub mod demo;
pub mod doctor;
pub mod explore;
pub mod export;
pub mod import;
pub mod load;
pub mod man;
pub mod minimize;
pub mod noise;
pub mod record;
pub mod replay;
pub mod report;
pub mod stub;

use std::path::Path;

use parity::fixture::Reader;

use crate::{exit::Failure, terminal::Terminal};

/// Opens fixtures, and says what of them is left out.
fn open(fixtures: &Path, terminal: Terminal) -> Result<Reader, Failure> {
    let reader = Reader::open(fixtures).map_err(Failure::usage)?;
    for path in reader.cut_off() {
        terminal.note(&format!(
            "{}: the last line breaks off, as after a crash, and is left out",
            path.display()
        ));
    }
    Ok(reader)
}
