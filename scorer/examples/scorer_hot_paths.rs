//! Runs one pure hot path, for counting its instructions: `scorer_hot_paths` lists the paths, `scorer_hot_paths <name>`
//! runs one. Only [`measured`] is to be counted; what it works on is prepared before.

#![expect(clippy::print_stdout, reason = "the list is what was asked for")]

#[path = "../benches/pure/workloads.rs"]
mod workloads;

use std::hint::black_box;

use scorer::credential::Verifier;
use scorer::python::{Value, json, jsonb};

type Work = Box<dyn Fn()>;
/// The name of a path, and what prepares its work.
type Path = (&'static str, fn() -> Work);

const PATHS: [Path; 8] = [
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

fn unknown_proof(credential: Value) -> Work {
    let verifier = Verifier::new(0);
    Box::new(move || assert!(black_box(verifier.verify(&credential, workloads::now()))))
}

#[inline(never)]
fn measured(work: &Work) {
    work();
    black_box(());
}
