//! The pure hot paths of this crate, for `scripts/instruction-counts`.

#[path = "../../scripts/hot_path.rs"]
mod hot_path;
#[path = "../benches/pure/workloads.rs"]
mod workloads;

use std::hint::black_box;

use scorer::credential::Verifier;
use scorer::python::{Value, json, jsonb};

use hot_path::{HotPath, Work};

const PATHS: [HotPath; 8] = [
    ("scorer/eip712_proof", || {
        unknown_proof(workloads::eip712_credential())
    }),
    ("scorer/ed25519_proof", || {
        unknown_proof(workloads::ed25519_credential())
    }),
    ("scorer/known_proof", || {
        let credential = workloads::eip712_credential();
        let verifier = workloads::warm_verifier(&credential);
        Box::new(move || assert!(black_box(verifier.verify(&credential, workloads::now()))))
    }),
    ("scorer/json_loads", || {
        let text = workloads::stamp_text();
        Box::new(move || drop(black_box(json::loads(text.as_bytes()))))
    }),
    ("scorer/json_dumps", || {
        let stamp = workloads::eip712_credential();
        Box::new(move || drop(black_box(json::dumps(&stamp))))
    }),
    ("scorer/jsonb_normalise", || {
        let stamp = workloads::eip712_credential();
        Box::new(move || drop(black_box(jsonb::normalise(&stamp))))
    }),
    ("scorer/sum_of_20_weights", || {
        let weights = workloads::weights();
        Box::new(move || drop(black_box(workloads::sum(&weights))))
    }),
    ("scorer/score_of_20_stamps", || {
        let snapshot = workloads::snapshot();
        let verifier = Verifier::new(workloads::STAMPS);
        Box::new(move || drop(black_box(workloads::score_in_memory(&snapshot, &verifier))))
    }),
];

fn main() {
    hot_path::run(&PATHS);
}

fn unknown_proof(credential: Value) -> Work {
    let verifier = Verifier::new(0);
    Box::new(move || assert!(black_box(verifier.verify(&credential, workloads::now()))))
}
