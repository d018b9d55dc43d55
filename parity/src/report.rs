//! What a run found: one model, written to `report.json`, and several writers for readers.
//!
//! `docs/report-schema.json` describes the file. A [`Builder`] collects pairs while they are
//! compared; [`merge`] joins the reports of shards; [`Difference`] says what changed between two
//! runs.

mod builder;
mod difference;
mod html;
mod junit;
mod markdown;
mod model;
mod terminal;

pub use builder::{Builder, LeftOut, Pair};
pub use difference::{Difference, merge};
pub use html::html_page;
pub use junit::junit;
pub use markdown::{markdown, markdown_difference};
pub use model::{
    DivergedExchange, FoundDivergence, Latency, LatencyPair, MOST_DIVERGENCES, Report, RouteReport,
    RuleUse, Run, Shard, SideRecord, Uncompared, VERSION,
};
pub use terminal::{Style, terminal};

/// Why a report cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("not a report: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("not a report: format is `{0}`, expected `parity-report`")]
    Format(String),
    #[error("report format {found} is not readable by this build, which writes {VERSION}")]
    Version { found: crate::fixture::Version },
    #[error("nothing to merge: give at least one report")]
    NothingToMerge,
    #[error("cannot merge runs of different sides: {0} and {1}")]
    DifferentRuns(String, String),
    #[error("shard {0} of {1} was given twice")]
    ShardTwice(u32, u32),
}

#[cfg(test)]
mod tests;
