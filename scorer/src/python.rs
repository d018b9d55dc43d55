//! How Python behaves, in one place.

mod value;

pub use value::{Dict, PyStr, Value};
