//! Everything that reads bytes from outside, given what was recorded and small changes to it: nothing
//! panics, nothing hangs, nothing overflows the stack.
//!
//! The same cases on every run. For longer runs with other cases: `scripts/fuzz`. A case that failed
//! goes into `regressions.txt` beside this file and is tried first ever after.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

mod deep;
mod documents;
mod mutate;
mod requests;
mod sockets;

use std::path::{Path, PathBuf};

use parity::fixture::{Corpus, Step};
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};

/// Cases of each property when `PROPTEST_CASES` does not say.
const CASES: u32 = 96;
/// Seed of the cases when `PROPTEST_RNG_SEED` does not say.
const SEED: u64 = 20_260_115;

fn config() -> Config {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/regressions.txt");
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        // A body shrinks in small steps; whoever reads the failure wants it small.
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    config
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The recorded steps of the scoring service.
fn recorded() -> Vec<Step> {
    let corpus = Corpus::read(&workspace("fixtures/passport")).unwrap();
    let scenarios = corpus.groups.into_iter().flat_map(|group| group.scenarios);
    scenarios.flat_map(|scenario| scenario.steps).collect()
}
