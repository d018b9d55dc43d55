//! Answers and rows with one value changed, or two elements swapped, at places chosen at random:
//! nothing goes unnoticed but what the rules state.

use std::collections::BTreeSet;

use parity::{
    bind::Bindings,
    compare::{Comparison, Observation},
    fixture::Step,
    json::{Json, Value, parse},
    outcome::{Divergence, Outcome},
    path::{Segment, render},
    rules::{Equivalence, Rule, Rules},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{compare_step, corpus, fixtures, observed, rules};

/// Mutations tried in each step of the corpus.
const PER_STEP: usize = 2;

#[test]
fn a_changed_value_is_tolerated_only_within_what_its_rule_states() {
    let numbered = numbered_rows();
    let tried = mutate(3, is_scalar, change, |mutant, found| match found.outcome {
        Outcome::Diverged => {}
        // What the database made up is compared by what it stands for, and nothing mentions this.
        Outcome::Match => assert!(numbered.contains(mutant.path), "{mutant:?}"),
        Outcome::Tolerated => {
            for tolerated in &found.tolerated {
                let rule = stating(mutant, tolerated);
                let Equivalence::SignificantDigits { digits } = rule.equivalence() else {
                    panic!("{} tolerated {mutant:?}", rule.id());
                };
                assert!(agree(mutant, *digits), "{} tolerated {mutant:?}", rule.id());
            }
        }
        Outcome::NotComparable => panic!("{mutant:?}"),
    });
    assert!(tried > 1_700, "{tried} values changed");
}

#[test]
fn a_changed_order_is_tolerated_only_where_a_rule_states_it() {
    let mut needed = BTreeSet::new();
    let tried = mutate(5, has_order, swap_two, |mutant, found| {
        match found.outcome {
            Outcome::Diverged => {}
            // Rows are columns without an order, and the order in which rows vanish leaves no trace.
            Outcome::Match => {
                let is_row = !mutant.path.starts_with('$') && mutant.before.members().is_some();
                assert!(is_row || mutant.path.ends_with(".deleted"), "{mutant:?}");
            }
            Outcome::Tolerated => {
                for tolerated in &found.tolerated {
                    let rule = stating(mutant, tolerated);
                    assert_eq!(general(&tolerated.path), mutant.path, "{mutant:?}");
                    let is_about_order = match rule.equivalence() {
                        Equivalence::Unordered => mutant.before.elements().is_some(),
                        Equivalence::UnorderedWithin { keys } => agree_in(mutant, keys),
                        Equivalence::UnorderedKeys => mutant.before.members().is_some(),
                        _ => false,
                    };
                    assert!(is_about_order, "{} tolerated {mutant:?}", rule.id());
                    needed.insert(rule.id().to_owned());
                }
            }
            Outcome::NotComparable => panic!("{mutant:?}"),
        }
    });
    assert!(tried > 1_000, "{tried} orders changed");
    for rule in ["fresh-stamps-order", "insertion-order", "stake-row-order"] {
        assert!(needed.contains(rule), "{rule} was never tried: {needed:?}");
    }
}

/// A tolerated order must not cover a changed value in the same list or object.
#[test]
fn a_fault_does_not_hide_behind_tolerated_noise_at_the_same_place() {
    let mut with_noise = 0;
    mutate(8, has_order, swap_and_change, |mutant, found| {
        if mutant.path.contains(".evidence") {
            // The last digits of a sum are left open there.
            return;
        }
        assert_eq!(found.outcome, Outcome::Diverged, "{mutant:?}");
        with_noise += usize::from(!found.tolerated.is_empty());
    });
    assert!(with_noise > 30, "{with_noise} faults came with noise");
}

/// One value of an answer, before and after.
#[derive(Debug)]
struct Mutant<'m> {
    step: &'m Step,
    route: &'m str,
    rules: &'m Rules,
    /// With `[*]` for every index.
    path: &'m str,
    before: &'m Json,
    after: &'m Json,
}

/// Changes values that `fits` picks, one at a time, and has each comparison judged. Returns how
/// many were changed.
fn mutate(
    seed: u64,
    fits: fn(&Json) -> bool,
    change: fn(&mut StdRng, &Json) -> Json,
    mut judge: impl FnMut(&Mutant<'_>, &Comparison),
) -> usize {
    let (corpus, rules) = (corpus(), rules());
    let mut random = StdRng::seed_from_u64(seed);
    let mut tried = 0;
    for scenario in corpus.scenarios() {
        let mut bindings = Bindings::default();
        for step in &scenario.steps {
            let mut places = 0;
            visit(&mut observed(step), &mut |_, value| {
                places += usize::from(fits(value));
            });
            for _ in 0..PER_STEP.min(places) {
                let mut candidate = observed(step);
                let chosen = random.random_range(0..places);
                let (mut index, mut mutated) = (0, None);
                visit(&mut candidate, &mut |path, value| {
                    if fits(value) {
                        if index == chosen {
                            let before = value.clone();
                            *value = change(&mut random, value);
                            mutated = Some((path.to_owned(), before, value.clone()));
                        }
                        index += 1;
                    }
                });
                let (path, before, after) = mutated.expect("the chosen place is visited");
                if before == after {
                    continue;
                }
                tried += 1;
                let found = compare_step(&rules, &mut bindings.clone(), step, &candidate);
                let mutant = Mutant {
                    step,
                    route: &rules.route(&step.request, &step.tags),
                    rules: &rules,
                    path: &path,
                    before: &before,
                    after: &after,
                };
                judge(&mutant, &found);
            }
            compare_step(&rules, &mut bindings, step, &observed(step));
        }
    }
    tried
}

/// Shows every value of an answer that is written as Python writes JSON, and of its rows.
fn visit(candidate: &mut Observation, see: &mut dyn FnMut(&str, &mut Json)) {
    let body = parse(&candidate.response.body).map(Value::into_owned);
    if let Ok(mut body) = body
        && body.to_text().as_bytes() == &candidate.response.body[..]
    {
        below("$", &mut body, see);
        candidate.response.body = body.to_text().into();
    }
    for (table, rows) in candidate.effects.iter_mut().flat_map(|rows| &mut rows.0) {
        for (list, rows) in [
            ("inserted", &mut rows.inserted),
            ("deleted", &mut rows.deleted),
        ] {
            let mut value = Value::Array(std::mem::take(rows));
            below(&format!("{table}.{list}"), &mut value, see);
            if let Value::Array(elements) = value {
                *rows = elements;
            }
        }
        for row in &mut rows.updated {
            for (part, value) in [("pk", &mut row.pk), ("after", &mut row.after)] {
                below(&format!("{table}.updated[*].{part}"), value, see);
            }
        }
    }
}

fn below(path: &str, value: &mut Json, see: &mut dyn FnMut(&str, &mut Json)) {
    see(path, value);
    match value {
        Value::Array(elements) => {
            for element in elements {
                below(&format!("{path}[*]"), element, see);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                below(&render(path, &[Segment::Key(key.written())]), member, see);
            }
        }
        _ => {}
    }
}

fn is_scalar(value: &Json) -> bool {
    value.elements().is_none() && value.members().is_none()
}

fn has_order(value: &Json) -> bool {
    value
        .elements()
        .map_or(0, <[_]>::len)
        .max(value.members().map_or(0, <[_]>::len))
        > 1
}

/// Another value: of another type, or with one character changed.
fn change(random: &mut StdRng, value: &Json) -> Json {
    let another_type = random.random_ratio(1, 4);
    match value {
        Value::Bool(value) if !another_type => Value::Bool(!value),
        Value::Number(text) if !another_type => {
            Value::<'static>::number(another_character(random, text))
        }
        Value::String(text) if !another_type => {
            Value::<'static>::string(&another_character(random, &text.decoded()))
        }
        Value::Number(text) => Value::<'static>::string(text),
        Value::Null => Value::<'static>::number(0),
        _ => Value::Null,
    }
}

/// A digit or letter gives way to the next one, and what is neither to a digit.
fn another_character(random: &mut StdRng, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    if characters.is_empty() {
        return "0".to_owned();
    }
    let digits: Vec<usize> = (0..characters.len())
        .filter(|&at| characters[at].is_ascii_alphanumeric())
        .collect();
    let at = match digits.len() {
        0 => 0,
        many => digits[random.random_range(0..many)],
    };
    characters[at] = match characters[at] {
        // A number must stay one.
        '9' => '8',
        'e' | 'E' if text.parse::<f64>().is_ok() => characters[at],
        'z' | 'Z' => '0',
        old @ ('0'..='8' | 'a'..='y' | 'A'..='Y') => char::from(old as u8 + 1),
        _ => '0',
    };
    characters.into_iter().collect()
}

/// Swaps two elements or members.
fn swap_two(random: &mut StdRng, value: &Json) -> Json {
    let mut value = value.clone();
    match &mut value {
        Value::Array(elements) => {
            let (a, b) = two_of(random, elements.len());
            elements.swap(a, b);
        }
        Value::Object(members) => {
            let (a, b) = two_of(random, members.len());
            members.swap(a, b);
        }
        _ => {}
    }
    value
}

/// Swaps two elements or members, and changes a value in the last one.
fn swap_and_change(random: &mut StdRng, value: &Json) -> Json {
    let mut swapped = swap_two(random, value);
    if change_last(random, &mut swapped) {
        swapped
    } else {
        value.clone()
    }
}

/// Changes the last scalar below a value; not an `id`, which stands for something.
fn change_last(random: &mut StdRng, value: &mut Json) -> bool {
    match value {
        Value::Array(elements) => elements
            .iter_mut()
            .rev()
            .any(|element| change_last(random, element)),
        Value::Object(members) => members
            .iter_mut()
            .rev()
            .any(|(key, member)| key.written() != "id" && change_last(random, member)),
        scalar => {
            let changed = change(random, scalar);
            let differs = changed != *scalar;
            *scalar = changed;
            differs
        }
    }
}

fn two_of(random: &mut StdRng, length: usize) -> (usize, usize) {
    let a = random.random_range(0..length);
    (a, (a + random.random_range(1..length)) % length)
}

/// The rule that tolerated something, which must state this place on this route.
fn stating<'m>(mutant: &Mutant<'m>, tolerated: &Divergence) -> &'m Rule {
    let id = tolerated.rule.as_deref().expect("a rule is named");
    let rule = mutant.rules.rules().iter().find(|rule| rule.id() == id);
    let rule = rule.expect("a rule of the file");
    let entry = &rule.entry;
    let place = general(&tolerated.path);
    assert!(entry.paths.contains(&place), "{id} at {place}");
    assert!(
        entry.routes.is_empty() || entry.routes.iter().any(|route| route == mutant.route),
        "{id} on {}",
        mutant.route
    );
    if let Some(tag) = &entry.when_tag {
        assert!(mutant.step.tags.contains(tag), "{id} without {tag}");
    }
    if let (false, Some(effects)) = (entry.when_writes.is_empty(), &mutant.step.effects) {
        let wrote = entry.when_writes.iter().any(|table| effects.touch(table));
        assert!(wrote, "{id} on {}", mutant.step.scenario);
    }
    rule
}

/// The path with `[*]` for every index.
fn general(path: &str) -> String {
    let mut parts = path.split('[');
    let mut general = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((index, rest)) if index.parse::<usize>().is_ok() => {
                general.push_str("[*]");
                general.push_str(rest);
            }
            _ => {
                general.push('[');
                general.push_str(part);
            }
        }
    }
    general
}

/// Whether two decimals of the same scale differ by half a unit of this digit at most.
fn agree(mutant: &Mutant<'_>, digits: u32) -> bool {
    let [a, b] = [mutant.before, mutant.after].map(|value| {
        let text = value.as_str().expect("a decimal as text").replace('.', "");
        (text.len() as u32, text.parse::<i128>().expect("a decimal"))
    });
    a.0 == b.0 && (a.1 - b.1).abs() * 2 <= 10_i128.pow(a.0.saturating_sub(digits))
}

/// Whether elements changed places only with others that agree in these members.
fn agree_in(mutant: &Mutant<'_>, keys: &[String]) -> bool {
    let sorts = |list: &Json| -> Vec<Vec<Option<String>>> {
        let elements = list.elements().unwrap_or_default().iter();
        let of = |element: &Json| {
            let members = keys.iter().map(|key| element.get(key).map(Value::to_text));
            members.collect()
        };
        elements.map(of).collect()
    };
    sorts(mutant.before) == sorts(mutant.after)
}

/// Places at which the database numbers new rows.
fn numbered_rows() -> BTreeSet<String> {
    let text = std::fs::read_to_string(fixtures().join("rules.toml")).expect("rules");
    let file: toml::Table = text.parse().expect("TOML");
    let identities = file["identity"].as_array().expect("identities").iter();
    identities
        .map(|entry| {
            format!(
                "{}.inserted[*].id",
                entry["table"].as_str().expect("a table")
            )
        })
        .collect()
}
