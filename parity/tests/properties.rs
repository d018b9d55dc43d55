//! What holds for any two answers.

use bytes::Bytes;
use parity::{
    bind::Bindings,
    compare::{Context, Observation, compare},
    exchange::{Headers, Response},
    json::{Json, Value, parse},
    outcome::Outcome,
    rules::Rules,
};
use proptest::prelude::*;

/// Any JSON, with strings that need escapes, numbers in several notations and repeated keys.
fn json() -> impl Strategy<Value = Json> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,30}",
        "[1-9]e[+-]?[0-9]{1,3}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::<'static>::number),
        any::<String>().prop_map(|text| Value::<'static>::string(&text)),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(key, value)| (parity::json::Text::from_decoded(&key), value))
                        .collect(),
                )
            }),
        ]
    })
}

fn answer(body: String) -> Observation {
    Observation {
        response: Response {
            status: 200,
            headers: Headers(vec![("Content-Type".into(), b"application/json".to_vec())]),
            body: Bytes::from(body),
        },
        effects: None,
    }
}

fn outcome(reference: &Observation, candidate: &Observation) -> Outcome {
    let rules = Rules::none();
    let context = Context {
        rules: &rules,
        route: "any",
        tags: &[],
    };
    compare(&context, &mut Bindings::default(), reference, candidate).outcome
}

/// Number of scalars in a value.
fn leaves(value: &Json) -> usize {
    match value {
        Value::Array(elements) => elements.iter().map(leaves).sum(),
        Value::Object(members) => members.iter().map(|(_, value)| leaves(value)).sum(),
        _ => 1,
    }
}

/// Changes the `nth` scalar into another one.
fn change_leaf(value: &mut Json, nth: &mut usize) {
    match value {
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|value| change_leaf(value, nth)),
        Value::Object(members) => members
            .iter_mut()
            .for_each(|(_, value)| change_leaf(value, nth)),
        scalar => {
            if *nth == 0 {
                *scalar = match &*scalar {
                    Value::Null => Value::Bool(false),
                    Value::Bool(value) => Value::Bool(!value),
                    Value::Number(text) => Value::<'static>::string(text),
                    _ => Value::Null,
                };
            }
            *nth = nth.wrapping_sub(1);
        }
    }
}

proptest! {
    #[test]
    fn what_is_parsed_is_written_back(value in json()) {
        let text = value.to_text();
        prop_assert_eq!(parse(text.as_bytes()).expect("valid"), value);
    }

    #[test]
    fn an_answer_matches_itself(value in json()) {
        let answer = answer(value.to_text());
        prop_assert_eq!(outcome(&answer, &answer), Outcome::Match);
    }

    #[test]
    fn a_change_in_any_single_leaf_diverges(value in json(), pick in any::<prop::sample::Index>()) {
        prop_assume!(leaves(&value) > 0);
        let mut changed = value.clone();
        change_leaf(&mut changed, &mut pick.index(leaves(&value)));
        prop_assert_eq!(
            outcome(&answer(value.to_text()), &answer(changed.to_text())),
            Outcome::Diverged
        );
    }

    #[test]
    fn a_comparison_sees_a_difference_from_both_sides(a in json(), b in json()) {
        let (a, b) = (answer(a.to_text()), answer(b.to_text()));
        prop_assert_eq!(outcome(&a, &b), outcome(&b, &a));
    }

    #[test]
    fn no_bytes_make_the_parser_or_the_comparison_panic(a in any::<Vec<u8>>(), b in any::<Vec<u8>>()) {
        let side = |body: &[u8]| {
            let mut side = answer(String::new());
            side.response.body = Bytes::copy_from_slice(body);
            side
        };
        prop_assert_eq!(outcome(&side(&a), &side(&b)) == Outcome::Match, a == b);
    }
}
