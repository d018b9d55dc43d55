//! The vectors that CPython 3.12 and the libraries of the reference service wrote
//! (`tests/vectors/make.py`), and live comparisons with fresh seeds.
//!
//! The live comparisons are ignored by default and run by name:
//!
//! ```text
//! PYTHON=python3.12 cargo test -p scorer --test python_vectors -- --ignored
//! ```
//!
//! They fail where they cannot compare. `VECTOR_SEED` and `VECTOR_COUNT` choose the inputs.

use std::path::{Path, PathBuf};
use std::process::Command;

use scorer::python::datetime::{DateTime, parse_model_datetime};
use scorer::python::decimal::Decimal;
use scorer::python::{Value, int, json, jsonb, text};

/// What a function answers, or the text of its error.
type Answer = Result<String, String>;

/// Errors of `int()` have no counterpart: nothing shows their text.
const NO_TEXT: &str = "";

fn answer(function: &str, value: &Value) -> Answer {
    match function {
        "as_repr" => Ok(text::repr(value)),
        "as_str" => Ok(json::dumps(&Value::Str(text::str(value)))),
        "compact" => Ok(json::dumps(&json::dumps_compact(value).into())),
        "parse_int" => value
            .as_str()
            .and_then(int::parse_int)
            .map(|number| number.to_string())
            .ok_or_else(|| NO_TEXT.to_owned()),
        "pydantic_int" => int::pydantic_int(value)
            .map(|number| number.to_string())
            .map_err(|error| format!("{}: {error}", error.type_name())),
        "decimal_text" => decimal(value).map(|number| number.to_string()),
        "decimal_sum" => list(value)
            .iter()
            .try_fold(Decimal::zero(), |sum, weight| {
                sum.add(&decimal(weight)?)
                    .map_err(|error| error.to_string())
            })
            .map(|sum| sum.to_string()),
        "decimal_fixed" => {
            let number = decimal(value)?;
            let fixed = |places| {
                number
                    .format_fixed(places)
                    .map_err(|error| error.to_string())
            };
            Ok(format!("{} {}", fixed(5)?, fixed(18)?))
        }
        "decimal_round" => {
            let number = decimal(value)?;
            let rounded = |places| number.round(places).map_err(|error| error.to_string());
            Ok(format!("{} {}", rounded(2)?, rounded(3)?))
        }
        "decimal_float" => {
            let number = decimal(value)?;
            let added = Decimal::zero().add(&number);
            added
                .map(|_| text::float_repr(number.to_f64()))
                .map_err(|error| error.to_string())
        }
        "decimal_compare" => {
            let [left, right] = list(value) else {
                return Err("no pair".to_owned());
            };
            let order = decimal(left)?.compare(&decimal(right)?);
            order
                .map(|order| format!("{order:?}").to_lowercase())
                .map_err(|error| error.to_string())
        }
        "datetime_iso" => datetime(value).map(|datetime| datetime.isoformat()),
        "datetime_millis" => datetime(value).map(|datetime| datetime.iso_millis()),
        "datetime_utc" => datetime(value)?
            .to_utc()
            .map(|datetime| datetime.isoformat())
            .map_err(|error| error.to_string()),
        "datetime_compare" => {
            let [left, right] = list(value) else {
                return Err("no pair".to_owned());
            };
            datetime(left)?
                .compare(&datetime(right)?)
                .map(|order| format!("{order:?}").to_lowercase())
                .map_err(|error| error.to_string())
        }
        "model_datetime" => parse_model_datetime(value)
            .map(|instant| match instant {
                None => "None".to_owned(),
                Some(instant) => {
                    let micros = instant.timestamp_micros();
                    let sign = if micros < 0 { "-" } else { "" };
                    let micros = micros.unsigned_abs();
                    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
                }
            })
            .map_err(|_| "refused".to_owned()),
        "jsonb" => {
            let stored = jsonb::normalise(value).map_err(|_| "refused".to_owned())?;
            let printed = jsonb::printed(&stored);
            Ok(json::dumps(&Value::List(vec![stored, printed.into()])))
        }
        other => Err(format!("no such function: {other}")),
    }
}

fn decimal(value: &Value) -> Result<Decimal, String> {
    Decimal::from_value(value).map_err(|error| error.to_string())
}

fn datetime(value: &Value) -> Result<DateTime, String> {
    DateTime::from_value(value).map_err(|error| error.to_string())
}

fn list(value: &Value) -> &[Value] {
    value.as_list().unwrap_or_default()
}

/// Compares every line and tells the first few that differ.
fn compare(function: &str, lines: &str) {
    let mut differing = Vec::new();
    let mut compared = 0;
    for line in lines.lines_exact() {
        let [input, outcome, expected] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
            panic!("{function}: not a vector: {line}");
        };
        let document = json::loads(input.as_bytes()).expect("the input is JSON");
        let ours = if function == "loads" {
            let bytes: Vec<u8> = document
                .as_py_str()
                .expect("the input is a string of bytes")
                .code_points()
                .map(|point| u8::try_from(point).expect("the input is Latin-1"))
                .collect();
            json::loads(&bytes)
                .map(|value| json::dumps(&value))
                .map_err(|error| error.to_string())
        } else {
            answer(function, &document)
        };
        let ours = match ours {
            Ok(text) => format!("ok\t{text}"),
            Err(text) => {
                let quoted = json::dumps(&Value::from(text));
                format!("error\t{}", &quoted[1..quoted.len() - 1])
            }
        };
        let expected = if function == "parse_int" && outcome == "error" {
            format!("error\t{NO_TEXT}")
        } else {
            format!("{outcome}\t{expected}")
        };
        compared += 1;
        if ours != expected {
            differing.push(format!("{input}\n  python: {expected}\n  ours:   {ours}"));
        }
    }
    assert!(compared >= 500, "{function}: only {compared} vectors");
    assert!(
        differing.is_empty(),
        "{function}: {} of {compared} differ\n{}",
        differing.len(),
        differing[..differing.len().min(20)].join("\n")
    );
}

/// Lines by `\n` alone: the texts hold other line ends.
trait LinesExact {
    fn lines_exact(&self) -> impl Iterator<Item = &str>;
}

impl LinesExact for str {
    fn lines_exact(&self) -> impl Iterator<Item = &str> {
        self.split('\n').filter(|line| !line.is_empty())
    }
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn committed(function: &str) {
    let path = vectors().join(format!("{function}.tsv"));
    compare(
        function,
        &std::fs::read_to_string(path).expect("the vectors are readable"),
    );
}

fn live(function: &str) {
    let variable = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let python = variable("PYTHON", "python3");
    let output = Command::new(&python)
        .arg(vectors().join("make.py"))
        .args([
            function,
            &variable("VECTOR_SEED", "1"),
            &variable("VECTOR_COUNT", "20000"),
        ])
        .output()
        .unwrap_or_else(|error| {
            panic!("{function}: did not compare, {python} does not run: {error}")
        });
    assert!(
        output.status.success(),
        "{function}: did not compare, {python} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    compare(
        function,
        &String::from_utf8(output.stdout).expect("the vectors are UTF-8"),
    );
}

macro_rules! functions {
    ($($function:ident),* $(,)?) => {
        mod agrees_with_the_committed_vectors {
            $(#[test] fn $function() { super::committed(stringify!($function)); })*
        }

        mod agrees_with_a_live_python {
            $(
                #[test]
                #[ignore = "runs Python 3.12, which must be there; see the head of this file"]
                fn $function() { super::live(stringify!($function)); }
            )*
        }
    };
}

functions!(
    loads,
    as_repr,
    as_str,
    compact,
    parse_int,
    pydantic_int,
    decimal_text,
    decimal_sum,
    decimal_fixed,
    decimal_round,
    decimal_float,
    decimal_compare,
    datetime_iso,
    datetime_utc,
    datetime_compare,
    datetime_millis,
    model_datetime,
    jsonb,
);
