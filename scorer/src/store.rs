//! SQL, and nothing else.

pub(crate) mod api_keys;
mod apply;
pub mod failure;
pub mod history;
mod load;
mod locks;
pub mod scoring;
pub mod stamps;

pub use load::CommunityRef;
