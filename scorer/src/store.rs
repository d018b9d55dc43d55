//! SQL, and nothing else.

pub(crate) mod allow_list;
pub(crate) mod analytics;
pub(crate) mod api_keys;
mod apply;
pub(crate) mod bans;
pub(crate) mod contributor_statistics;
pub(crate) mod credential_definition;
pub mod databases;
pub mod failure;
pub mod history;
mod instant;
mod load;
mod locks;
pub(crate) mod probe;
mod registry;
pub(crate) mod revocations;
pub mod scoring;
pub(crate) mod sessions;
pub(crate) mod stakes;
pub(crate) mod stamp_pages;
pub mod stamps;
pub(crate) mod weights;

pub use load::CommunityRef;
