//! Runs one pure hot path, for counting its instructions: `parity_hot_paths` lists the paths, `parity_hot_paths <name>`
//! runs one. Only [`measured`] is to be counted; what it works on is prepared before.

#![expect(clippy::print_stdout, reason = "the list is what was asked for")]

#[path = "../benches/compare/documents.rs"]
mod documents;
#[path = "../benches/compare/pairs.rs"]
mod pairs;

use std::hint::black_box;

use parity::json;

use pairs::Pair;

/// Bytes of one side.
const SIZE: usize = 100_000;

type Work = Box<dyn Fn()>;

/// A name, and what prepares the work.
type HotPath = (&'static str, fn() -> Work);

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
    let Some(wanted) = std::env::args().nth(1) else {
        for (name, _) in PATHS {
            println!("{name}");
        }
        return;
    };
    let (_, prepare) = PATHS
        .iter()
        .find(|(name, _)| *name == wanted)
        .expect("the name of a path, as listed without arguments");
    let work = prepare();
    // Once uncounted, so that what is made once in a process is not counted.
    work();
    measured(&work);
}

fn comparison(pair: Pair) -> Work {
    assert!(
        pair.bytes() > SIZE,
        "the documents are of the size asked for"
    );
    Box::new(move || drop(black_box(pair.compare())))
}

#[inline(never)]
fn measured(work: &Work) {
    work();
    black_box(());
}
