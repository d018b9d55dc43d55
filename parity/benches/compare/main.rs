//! How fast a pair of JSON answers is read and compared, in bytes of both sides together.
//!
//! The documents are made here and are the same in every run. Four sizes show that the time grows in
//! step with the size; lists without an order, which must be paired first, may cost a logarithm more.

mod documents;
mod pairs;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use parity::json;

use pairs::Pair;

/// Bytes of one side.
const SIZES: [usize; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

fn main() {
    divan::main();
}

/// Reading alone.
#[divan::bench(args = SIZES)]
fn parse(bencher: Bencher<'_, '_>, size: usize) {
    let body = documents::in_order(size);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| json::parse(black_box(&body)).is_ok());
}

#[divan::bench(args = SIZES)]
fn equal(bencher: Bencher<'_, '_>, size: usize) {
    run(bencher, &Pair::equal(size));
}

#[divan::bench(args = SIZES)]
fn diverging(bencher: Bencher<'_, '_>, size: usize) {
    run(bencher, &Pair::diverging(size));
}

#[divan::bench(args = SIZES)]
fn keyed_list(bencher: Bencher<'_, '_>, size: usize) {
    run(bencher, &Pair::keyed(size));
}

#[divan::bench(args = SIZES)]
fn unordered_list(bencher: Bencher<'_, '_>, size: usize) {
    run(bencher, &Pair::unordered(size));
}

fn run(bencher: Bencher<'_, '_>, pair: &Pair) {
    bencher
        .counter(BytesCount::new(pair.bytes()))
        .bench(|| black_box(pair).compare());
}
