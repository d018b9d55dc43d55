use std::path::Path;

use parity::fixture::Corpus;

use super::*;

const OPEN_API: &str = include_str!("../../../scorer/openapi.json");

fn generator(seed: u64) -> Generator {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport");
    let corpus = Corpus::read(&fixtures).expect("fixtures");
    let description = Description::parse(OPEN_API).expect("a description");
    Generator::new(
        seed,
        corpus.scenarios().take(300).cloned().collect(),
        &description,
    )
}

fn made(seed: u64) -> Vec<Scenario> {
    let mut generator = generator(seed);
    (0..200)
        .map(|_| generator.next_scenario().expect("a scenario"))
        .collect()
}

#[test]
fn the_same_seed_asks_the_same_questions() {
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
}

#[test]
fn what_is_made_up_can_be_asked_over_http() {
    for step in made(3).iter().flat_map(|scenario| &scenario.steps) {
        let target = &step.request.target;
        assert!(target.starts_with('/'), "{target}");
        assert!(
            target
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'#'),
            "{target}"
        );
    }
}

#[test]
fn every_operation_of_the_description_is_asked() {
    let description = Description::parse(OPEN_API).expect("a description");
    assert_eq!(description.operations.len(), 15);
    let mut generator = generator(4);
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for _ in 0..3_000 {
        for step in generator.next_scenario().expect("a scenario").steps {
            asked.extend(
                description
                    .operations
                    .iter()
                    .filter(|operation| operation.answers(&step.request))
                    .map(|operation| format!("{} {}", operation.method, operation.path)),
            );
        }
    }
    assert_eq!(asked.len(), 15, "{asked:#?}");
}

#[test]
fn a_document_without_paths_is_refused() {
    assert!(Description::parse("{").is_err());
    assert!(
        Description::parse("{}")
            .expect_err("no paths")
            .to_string()
            .contains("OpenAPI")
    );
}
