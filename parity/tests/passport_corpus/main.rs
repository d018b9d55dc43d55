//! The comparison held against the recorded corpus: equal answers match, and every seeded fault is
//! caught, whatever the rules allow.

mod faults;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use parity::{
    bind::Bindings,
    cluster::{Clusters, Sighting, Signature},
    compare::{Comparison, Context, Observation, compare},
    fixture::{Corpus, Step},
    outcome::Outcome,
    rules::Rules,
};

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport")
}

fn corpus() -> Corpus {
    Corpus::read(&fixtures()).expect("the committed corpus reads")
}

fn rules() -> Rules {
    Rules::read(&fixtures().join("rules.toml")).expect("the committed rules read")
}

fn observed(step: &Step) -> Observation {
    Observation {
        response: step.response.clone(),
        effects: step.effects.clone(),
    }
}

fn compare_step(
    rules: &Rules,
    bindings: &mut Bindings,
    step: &Step,
    candidate: &Observation,
) -> Comparison {
    let context = Context {
        rules,
        route: &rules.route(&step.request, &step.tags),
        tags: &step.tags,
    };
    compare(&context, bindings, &observed(step), candidate)
}

#[test]
fn every_recorded_answer_matches_itself() {
    let (corpus, rules) = (corpus(), rules());
    for scenario in corpus.scenarios() {
        let mut bindings = Bindings::default();
        for step in &scenario.steps {
            let found = compare_step(&rules, &mut bindings, step, &observed(step));
            assert_eq!(
                found.outcome,
                Outcome::Match,
                "{} step {}: {:?} {:?}",
                step.scenario,
                step.step,
                found.diverged,
                found.tolerated
            );
        }
    }
}

/// Steps that each fault is put into, one at a time: the first of the corpus that can have it.
const STEPS_PER_FAULT: usize = 12;

#[test]
fn every_seeded_fault_is_caught() {
    let (corpus, rules) = (corpus(), rules());
    let faults = faults::all();
    assert!(faults.len() >= 40, "{} faults", faults.len());
    let mut seeded = vec![0; faults.len()];
    for scenario in corpus.scenarios() {
        let mut bindings = Bindings::default();
        for step in &scenario.steps {
            for (fault, seeded) in faults.iter().zip(&mut seeded) {
                if *seeded >= STEPS_PER_FAULT {
                    continue;
                }
                let Some(candidate) = fault.seed(step) else {
                    continue;
                };
                *seeded += 1;
                let found = compare_step(&rules, &mut bindings.clone(), step, &candidate);
                assert_eq!(
                    found.outcome,
                    Outcome::Diverged,
                    "{} is missed in {} step {}; tolerated: {:?}",
                    fault.name,
                    step.scenario,
                    step.step,
                    found.tolerated
                );
            }
            compare_step(&rules, &mut bindings, step, &observed(step));
        }
    }
    for (fault, seeded) in faults.iter().zip(seeded) {
        assert!(seeded > 0, "no step can have the fault {:?}", fault.name);
    }
}

/// Faults that change the same places in the same way as another one: no divergence tells them
/// apart, so that no clustering can.
const LOOK_ALIKES: [&str; 3] = [
    "no spaces between tokens",
    "nothing is written",
    "raw score differs in the last digit",
];

/// One fault per scenario, in turn, so that each hits many requests: every fault has a cluster on
/// every route it hit, and no cluster holds requests of two faults.
#[test]
fn clusters_equal_faults() {
    let (corpus, rules) = (corpus(), rules());
    let mut faults = faults::all();
    faults.retain(|fault| !LOOK_ALIKES.contains(&fault.name));
    let mut clusters = Clusters::default();
    let mut seeded: BTreeMap<(&str, String), BTreeSet<Signature>> = BTreeMap::new();
    for (number, scenario) in corpus.scenarios().enumerate() {
        let fault = &faults[number % faults.len()];
        let mut bindings = Bindings::default();
        for step in &scenario.steps {
            if let Some(candidate) = fault.seed(step) {
                let route = rules.route(&step.request, &step.tags);
                let found = compare_step(&rules, &mut bindings.clone(), step, &candidate);
                let request = format!("{}#{}", step.scenario, step.step);
                let sighting = Sighting {
                    request: &request,
                    route: &route,
                    at: &request,
                };
                clusters.observe(&rules, sighting, &found.diverged);
                let signatures = seeded.entry((fault.name, route.clone())).or_default();
                signatures.extend(
                    found
                        .diverged
                        .iter()
                        .map(|found| Signature::of(&rules, &route, found)),
                );
            }
            compare_step(&rules, &mut bindings, step, &observed(step));
        }
    }
    let ranked = clusters.ranked();
    for ((fault, route), signatures) in &seeded {
        let covered = ranked
            .iter()
            .filter(|cluster| &cluster.route == route)
            .any(|cluster| {
                cluster
                    .signatures
                    .iter()
                    .all(|one| signatures.contains(one))
            });
        assert!(covered, "{fault:?} on {route} has no cluster of its own");
    }
    let mut hidden = Vec::new();
    for cluster in &ranked {
        let causes: Vec<&str> = seeded
            .iter()
            .filter(|((_, route), signatures)| {
                *route == cluster.route
                    && cluster
                        .signatures
                        .iter()
                        .any(|one| signatures.contains(one))
            })
            .map(|((fault, _), _)| *fault)
            .collect();
        if causes.len() != 1 {
            hidden.push(format!(
                "{} {} hides {causes:?}",
                cluster.route,
                cluster.title()
            ));
        }
    }
    assert!(hidden.is_empty(), "{hidden:#?}");
}
