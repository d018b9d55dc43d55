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
