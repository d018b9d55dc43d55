//! Hostile and random input for everything in `scorer::python` that reads what others wrote:
//! nothing panics, nothing overflows the stack, and what is read can be written and read again.
//!
//! Inputs are the same on every run; `PROPTEST_CASES` asks for more of them.

use num_bigint::BigInt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use scorer::python::datetime::{DateTime, parse_model_datetime};
use scorer::python::decimal::Decimal;
use scorer::python::{Dict, PyStr, Value, int, json, jsonb, text};

/// The largest body that the service takes (contract §1.6).
const LARGEST_BODY: usize = 2_621_440;

fn config() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(20_260_115),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Any string of Python, lone surrogates included.
fn py_str() -> impl Strategy<Value = PyStr> {
    let point = prop_oneof![
        4 => 0..0x80u32,
        2 => 0x80..0x3000u32,
        1 => 0xd800..0xe000u32,
        1 => 0xe000..0x11_0000u32,
    ];
    vec(point, 0..8).prop_map(|mut points| {
        // Written as two escapes, the two halves of a pair are read as one character.
        points.dedup_by(|low, high| {
            (0xd800..0xdc00).contains(high) && (0xdc00..0xe000).contains(low)
        });
        PyStr::from_code_points(points)
    })
}

/// Any value that JSON can make, without NaN, which equals nothing.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i128>().prop_map(|number| Value::Int(BigInt::from(number))),
        any::<f64>()
            .prop_filter("NaN equals nothing", |number| !number.is_nan())
            .prop_map(Value::Float),
        py_str().prop_map(Value::Str),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            vec((py_str(), inner), 0..6)
                .prop_map(|members| Value::Dict(members.into_iter().collect::<Dict>())),
        ]
    })
}

/// Bytes that are nearly JSON, whole or cut, in UTF-8.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\"a\":",
        "\\",
        "\\u",
        "\\ud83d",
        "\\ude00",
        "1",
        "-",
        "0",
        ".5",
        "e9",
        "E-",
        "NaN",
        "-Infinity",
        "null",
        "tru",
        " ",
        "\n",
        "\t",
        "\0",
        "é",
        "😀",
        "\u{feff}",
    ];
    vec(prop::sample::select(pieces.to_vec()), 0..24)
        .prop_flat_map(|pieces| {
            (
                Just(pieces.concat().into_bytes()),
                any::<prop::sample::Index>(),
            )
        })
        .prop_map(|(mut bytes, cut)| {
            let length = cut.index(bytes.len() + 1);
            bytes.truncate(if length < bytes.len() / 8 {
                length
            } else {
                bytes.len()
            });
            bytes
        })
}

/// Text like the numbers and dates of stamps and weights.
fn nearly_scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \t\u{a0}]{0,2}[+-]?[0-9_٣９]{0,12}[.,]?[0-9]{0,12}([eE][+-]?[0-9]{0,20})?[ \n]{0,2}",
        "[0-9]{0,5}-?(W?[0-9]{0,3})-?[0-9]{0,3}[T té]?[0-9:.,]{0,16} ?([Z+-][0-9:.]{0,12})?",
        "(s?nan|inf|infinity|-Inf)[0-9]{0,40}",
        "\\PC{0,24}",
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn json_is_read_again_as_written(value in value()) {
        prop_assert_eq!(json::loads(json::dumps(&value).as_bytes()), Ok(value));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..256)) {
        read_everything(&bytes);
    }

    #[test]
    fn bytes_that_are_nearly_json_are_read_or_refused(bytes in nearly_json()) {
        read_everything(&bytes);
    }

    #[test]
    fn jsonb_changes_a_value_only_once(value in value()) {
        if let Ok(stored) = jsonb::normalise(&value) {
            prop_assert_eq!(jsonb::normalise(&stored), Ok(stored.clone()));
            let printed = json::loads(jsonb::printed(&stored).as_bytes()).unwrap();
            prop_assert_eq!(json::dumps(&printed), json::dumps(&stored));
        } else {
            prop_assert!(jsonb::to_text(&value).is_err());
        }
    }

    #[test]
    fn floats_are_read_again_as_written(number in any::<f64>()) {
        let again: f64 = text::float_repr(number).parse().unwrap();
        prop_assert!(again == number || again.is_nan() && number.is_nan());
    }

    #[test]
    fn integers_are_read_again_as_written(number in any::<i128>()) {
        let number = BigInt::from(number);
        prop_assert_eq!(int::parse_int(&number.to_string()), Some(number.clone()));
        prop_assert_eq!(int::pydantic_int_str(&number.to_string()), Ok(number));
    }

    #[test]
    fn any_scalar_text_is_read_or_refused(scalar in nearly_scalar()) {
        let value = Value::from(scalar.as_str());
        let _ = int::parse_int(&scalar);
        let _ = int::pydantic_int(&value);
        let _ = parse_model_datetime(&value);
        if let Ok(datetime) = DateTime::fromisoformat(&scalar) {
            prop_assert_eq!(DateTime::fromisoformat(&datetime.isoformat()), Ok(datetime));
            let _ = (datetime.iso_millis(), datetime.to_utc(), datetime.compare(&datetime));
        }
        if let Ok(number) = Decimal::parse(&scalar) {
            let again = Decimal::parse(&number.to_string()).unwrap();
            prop_assert_eq!(again.to_string(), number.to_string());
            let _ = (number.format_fixed(5), number.round(2), number.to_f64());
        }
    }

    #[test]
    fn sums_do_not_depend_on_the_order_of_two(left in nearly_scalar(), right in nearly_scalar()) {
        let parsed = Decimal::parse(&left).ok().zip(Decimal::parse(&right).ok());
        let finite = parsed.filter(|(left, right)| left.is_finite() && right.is_finite());
        if let Some((left, right)) = finite {
            let shown = |sum: Result<Decimal, _>| sum.map(|sum| sum.to_string());
            prop_assert_eq!(shown(left.add(&right)), shown(right.add(&left)));
            prop_assert_eq!(
                left.compare(&right).unwrap(),
                right.compare(&left).unwrap().reverse()
            );
        }
    }

    #[test]
    fn exact_doubles_convert_back(number in any::<f64>()) {
        let exact = Decimal::from_f64_exact(number);
        let again = exact.to_f64();
        prop_assert!(again == number || again.is_nan() && number.is_nan());
        let _ = (exact.format_fixed(5), exact.format_fixed(18));
    }
}

/// Every operation on the value that the bytes are, if they are one.
fn read_everything(bytes: &[u8]) {
    match json::loads(bytes) {
        Ok(value) => {
            let written = json::dumps(&value);
            let again = json::loads(written.as_bytes()).expect("what was written is JSON");
            assert_eq!(json::dumps(&again), written);
            let _ = (
                text::repr(&value),
                text::str(&value),
                json::dumps_compact(&value),
            );
            let _ = (jsonb::normalise(&value), Decimal::from_value(&value));
            let _ = (DateTime::from_value(&value), int::pydantic_int(&value));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// As many repetitions as fit into the largest body.
fn filled(start: &str, middle: &str, end: &str) -> Vec<u8> {
    let count = (LARGEST_BODY - start.len() - end.len()) / middle.len();
    [start, &middle.repeat(count), end].concat().into_bytes()
}

#[test]
fn the_largest_bodies_of_every_shape_are_read_or_refused() {
    let numbered: String = (0..150_000)
        .map(|key| format!("\"{key}\":{key},"))
        .collect();
    let digits = format!("{},", "9".repeat(4300));
    for (what, body, accepted) in [
        ("open arrays", filled("", "[", ""), false),
        ("open objects", filled("", "{\"\":", ""), false),
        ("empty arrays", filled("[", "[],", "[]]"), true),
        ("empty objects", filled("[", "{},", "{}]"), true),
        ("small numbers", filled("[", "0,", "0]"), true),
        ("large numbers", filled("[", &digits, "0]"), true),
        ("one number", filled("", "9", ""), false),
        ("one fraction", filled("0.", "9", ""), true),
        ("one string", filled("\"", "a", "\""), true),
        ("surrogates", filled("\"", "\\ud800", "\""), true),
        ("backslashes", filled("\"", "\\\\", "\""), true),
        (
            "different keys",
            format!("{{{numbered}\"\":0}}").into_bytes(),
            true,
        ),
        (
            "one key repeated",
            filled("{", "\"a\":1,", "\"a\":1}"),
            true,
        ),
        ("blanks", filled("", " ", ""), false),
        ("zeros", filled("", "\0", ""), false),
        (
            "bad UTF-8 at the end",
            [filled("\"", "é", "\""), vec![0xff]].concat(),
            false,
        ),
    ] {
        assert!(body.len() <= LARGEST_BODY + 1, "{what}");
        assert_eq!(json::loads(&body).is_ok(), accepted, "{what}");
    }
}

#[test]
fn the_deepest_value_fits_the_stack_of_a_worker() {
    const STACK: usize = 2 * 1024 * 1024;
    let deepest = |open: &str, close: &str| {
        [
            open.repeat(json::MAX_NESTING),
            "0".to_owned(),
            close.repeat(json::MAX_NESTING),
        ]
        .concat()
    };
    for body in [deepest("[", "]"), deepest("{\"a\":", "}")] {
        let work = move || {
            let value = json::loads(body.as_bytes()).expect("the depth is allowed");
            assert!(value.clone() == value);
            assert_eq!(jsonb::normalise(&value).as_ref(), Ok(&value));
            assert_eq!(
                json::loads(json::dumps(&value).as_bytes()).as_ref(),
                Ok(&value)
            );
            let _ = (
                text::repr(&value),
                jsonb::printed(&value),
                json::dumps_compact(&value),
            );
        };
        let worker = std::thread::Builder::new().stack_size(STACK).spawn(work);
        worker
            .expect("a thread starts")
            .join()
            .expect("the stack is large enough");
    }
}
