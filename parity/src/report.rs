//! What a run found: one model, written to `report.json`, and several writers for readers.
//!
//! `docs/report-schema.json` describes the file. A [`Builder`] collects pairs while they are
//! compared; [`merge`] joins the reports of shards; [`Difference`] says what changed between two
//! runs, a [`Baseline`] what changed since somebody accepted one.

mod baseline;
mod builder;
mod difference;
mod header;
mod html;
mod junit;
mod markdown;
mod model;
mod terminal;

pub use baseline::{Baseline, KnownCause, SinceBaseline};
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

use crate::fixture::Version;

/// Why a report or a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("not understood: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("format is `{found}`, expected `{expected}`")]
    Format {
        found: String,
        expected: &'static str,
    },
    #[error("format {found} is not readable by this build, which writes {version}")]
    Version { found: Version, version: Version },
    #[error("shard {0} of {1} cannot be a baseline: join the shards with `report merge` first")]
    PartialBaseline(u32, u32),
    #[error("nothing to merge: give at least one report")]
    NothingToMerge,
    #[error("cannot merge runs of different sides: {0} and {1}")]
    DifferentRuns(String, String),
    #[error("shard {0} of {1} was given twice")]
    ShardTwice(u32, u32),
}

#[cfg(test)]
mod tests;
