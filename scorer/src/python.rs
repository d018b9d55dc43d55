//! How Python behaves, in one place.
//!
//! The service answers what a Python service answers: its JSON, numbers, dates and error texts.
//! Everything here is pure and total: no input panics, recursion is bounded by the nesting that
//! [`json::loads`] accepts.

pub mod boolean;
pub mod datetime;
pub mod decimal;
mod dict;
pub mod int;
pub mod json;
pub mod jsonb;
mod string;
pub mod text;
mod unicode;
mod value;

pub use dict::Dict;
pub use string::PyStr;
pub(crate) use unicode::decimal_digit;
pub use value::Value;
