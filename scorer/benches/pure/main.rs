//! The pure hot paths of a scoring: proofs, JSON, decimals, the scoring itself.

mod workloads;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use scorer::credential::Verifier;
use scorer::python::{json, jsonb};

fn main() {
    divan::main();
}

#[divan::bench]
fn eip712_proof(bencher: Bencher<'_, '_>) {
    let credential = workloads::eip712_credential();
    let verifier = Verifier::new(0);
    bencher.bench(|| verifier.verify(black_box(&credential), workloads::now()));
}

#[divan::bench]
fn ed25519_proof(bencher: Bencher<'_, '_>) {
    let credential = workloads::ed25519_credential();
    let verifier = Verifier::new(0);
    bencher.bench(|| verifier.verify(black_box(&credential), workloads::now()));
}

#[divan::bench]
fn known_proof(bencher: Bencher<'_, '_>) {
    let credential = workloads::eip712_credential();
    let verifier = workloads::warm_verifier(&credential);
    bencher.bench(|| verifier.verify(black_box(&credential), workloads::now()));
}

#[divan::bench]
fn json_loads(bencher: Bencher<'_, '_>) {
    let text = workloads::stamp_text();
    bencher
        .counter(BytesCount::new(text.len()))
        .bench(|| json::loads(black_box(text.as_bytes())));
}

#[divan::bench]
fn json_dumps(bencher: Bencher<'_, '_>) {
    let stamp = workloads::eip712_credential();
    bencher
        .counter(BytesCount::new(workloads::stamp_text().len()))
        .bench(|| json::dumps(black_box(&stamp)));
}

#[divan::bench]
fn jsonb_normalise(bencher: Bencher<'_, '_>) {
    let stamp = workloads::eip712_credential();
    bencher.bench(|| jsonb::normalise(black_box(&stamp)));
}

#[divan::bench]
fn sum_of_20_weights(bencher: Bencher<'_, '_>) {
    let weights = workloads::weights();
    bencher.bench(|| workloads::sum(black_box(&weights)));
}

/// As for an address that is scored again: all signatures are known.
#[divan::bench]
fn score_of_20_stamps(bencher: Bencher<'_, '_>) {
    let snapshot = workloads::snapshot();
    let verifier = Verifier::new(workloads::STAMPS);
    workloads::score_in_memory(&snapshot, &verifier);
    bencher.bench(|| workloads::score_in_memory(black_box(&snapshot), &verifier));
}
