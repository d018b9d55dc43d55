//! The comparison held against the recorded corpus: equal answers match, and every seeded fault is
//! caught, whatever the rules allow.

mod faults;
mod mutations;

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

/// Steps of each route that are tried with two faults.
const STEPS_PER_ROUTE: usize = 30;

/// Two faults at once on one route, each sometimes alone and sometimes with the other: every
/// cluster has one cause, and each fault has one.
#[test]
fn two_faults_on_one_route_are_two_clusters() {
    let (corpus, rules) = (corpus(), rules());
    let mut faults = faults::all();
    faults.retain(|fault| !LOOK_ALIKES.contains(&fault.name));
    let mut routes: BTreeMap<String, Vec<&Step>> = BTreeMap::new();
    for step in corpus.scenarios().filter_map(|all| all.steps.first()) {
        let route = rules.route(&step.request, &step.tags);
        let steps = routes.entry(route).or_default();
        if steps.len() < STEPS_PER_ROUTE {
            steps.push(step);
        }
    }
    let mut tried = 0;
    for (route, steps) in &routes {
        for (first, second) in faults.iter().zip(faults.iter().skip(7)).step_by(2) {
            let both: Vec<&Step> = steps
                .iter()
                .copied()
                .filter(|step| first.seed(step).is_some() && second.seed(step).is_some())
                .take(6)
                .collect();
            let signatures = |fault: &faults::Fault| -> BTreeSet<Signature> {
                let found = both.iter().filter_map(|step| {
                    let candidate = fault.seed(step)?;
                    Some(compare_step(
                        &rules,
                        &mut Bindings::default(),
                        step,
                        &candidate,
                    ))
                });
                found
                    .flat_map(|found| found.diverged)
                    .map(|found| Signature::of(&rules, route, &found))
                    .collect()
            };
            let alone = [signatures(first), signatures(second)];
            if both.len() < 3 || !alone[0].is_disjoint(&alone[1]) {
                continue;
            }
            let mut clusters = Clusters::default();
            for (number, step) in both.iter().enumerate() {
                let mut candidate = observed(step);
                if number % 3 != 1 {
                    first.also(&mut candidate, step);
                }
                if number % 3 != 0 {
                    second.also(&mut candidate, step);
                }
                let found = compare_step(&rules, &mut Bindings::default(), step, &candidate);
                let sighting = Sighting {
                    request: &step.scenario,
                    route,
                    at: &step.scenario,
                };
                clusters.observe(&rules, sighting, &found.diverged);
            }
            let ranked = clusters.ranked();
            let of = |causes: &BTreeSet<Signature>| {
                let has = |cluster: &&parity::cluster::Cluster| {
                    cluster.signatures.iter().any(|one| causes.contains(one))
                };
                ranked
                    .iter()
                    .filter(has)
                    .map(|one| &one.id)
                    .collect::<BTreeSet<_>>()
            };
            let [ours, theirs] = [of(&alone[0]), of(&alone[1])];
            let names = [first.name, second.name];
            assert!(
                !ours.is_empty() && !theirs.is_empty(),
                "{names:?} on {route}"
            );
            assert!(
                ours.is_disjoint(&theirs),
                "{names:?} share a cluster on {route}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried} pairs of faults");
}
