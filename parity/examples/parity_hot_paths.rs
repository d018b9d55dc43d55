//! The pure hot paths of this crate, for `scripts/instruction-counts`.

#[path = "../benches/compare/documents.rs"]
mod documents;
#[path = "../../scripts/hot_path.rs"]
mod hot_path;
#[path = "../benches/compare/pairs.rs"]
mod pairs;

use std::hint::black_box;

use parity::json;

use hot_path::{HotPath, Work};
use pairs::Pair;

/// Bytes of one side.
const SIZE: usize = 100_000;

const PATHS: [HotPath; 5] = [
    ("parity/parse", || {
        let body = documents::in_order(SIZE);
        Box::new(move || drop(black_box(json::parse(&body))))
    }),
    ("parity/equal", || comparison(Pair::equal(SIZE))),
    ("parity/diverging", || comparison(Pair::diverging(SIZE))),
    ("parity/keyed_list", || comparison(Pair::keyed(SIZE))),
    ("parity/unordered_list", || {
        comparison(Pair::unordered(SIZE))
    }),
];

fn main() {
    hot_path::run(&PATHS);
}

fn comparison(pair: Pair) -> Work {
    assert!(
        pair.bytes() > SIZE,
        "the documents are of the size asked for"
    );
    Box::new(move || drop(black_box(pair.compare())))
}
