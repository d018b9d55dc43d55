use super::*;

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn total(weights: &[Decimal]) -> String {
    weights
        .iter()
        .try_fold(Decimal::zero(), |sum, weight| sum.add(weight))
        .unwrap()
        .to_string()
}

#[test]
fn raw_scores_of_the_specification() {
    let float = Decimal::from_f64_exact;
    assert_eq!(total(&[]), "0");
    assert_eq!(total(&[decimal("1.0")]), "1.0");
    assert_eq!(
        total(&[decimal("1.0"), float(0.1)]),
        "1.100000000000000005551115123"
    );
    assert_eq!(
        total(&[float(0.7), float(0.1), float(0.2)]),
        "0.9999999999999999722444243844"
    );
    assert_eq!(total(&[decimal("0.0000")]), "0.0000");
    assert_eq!(total(&[Decimal::from_int(5), decimal("3")]), "8");
    assert_eq!(total(&[float(1e-7)]), "9.999999999999999547481118259E-8");
}

#[test]
fn fixed_notation_rounds_half_even() {
    for (text, expected) in [
        ("0.000015", "0.00002"),
        ("1.000015", "1.00002"),
        ("0.000025", "0.00002"),
        ("0.1234650", "0.12346"),
        ("-0.000001", "-0.00000"),
        ("12E+3", "12000.00000"),
        ("Infinity", "Infinity"),
        ("nan", "NaN"),
    ] {
        assert_eq!(decimal(text).format_fixed(5).unwrap(), expected, "{text}");
    }
    assert_eq!(
        Decimal::from_f64_exact(0.000025).format_fixed(5).unwrap(),
        "0.00003"
    );
    assert_eq!(
        Decimal::from_f64_exact(0.123455).format_fixed(5).unwrap(),
        "0.12345"
    );
    assert_eq!(
        decimal("1e99999999999").format_fixed(5),
        Err(DecimalError::Memory)
    );
}

#[test]
fn text_form_switches_to_exponents() {
    for (text, expected) in [
        ("0.000000000000000000", "0E-18"),
        ("0.000000100000000000", "1.00000000000E-7"),
        ("125.000000000000000000", "125.000000000000000000"),
        ("0.000001", "0.000001"),
        ("1e5", "1E+5"),
        (" 1_0.5\n", "10.5"),
        ("٣.٥", "3.5"),
        ("-nan007", "-NaN7"),
    ] {
        assert_eq!(decimal(text).to_string(), expected, "{text}");
    }
}

#[test]
fn errors_are_pythons() {
    use crate::python::json::loads;
    for (json, expected) in [
        (r#""abc""#, "[<class 'decimal.ConversionSyntax'>]"),
        (r#""1 0""#, "[<class 'decimal.ConversionSyntax'>]"),
        (
            r#""1e9999999999999999999""#,
            "[<class 'decimal.InvalidOperation'>]",
        ),
        (
            "null",
            "conversion from NoneType to Decimal is not supported",
        ),
        ("{}", "conversion from dict to Decimal is not supported"),
        ("[1]", "argument must be a sequence of length 3"),
        ("[0,[10],0]", "coefficient must be a tuple of digits"),
    ] {
        let error = Decimal::from_value(&loads(json.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{json}");
    }
    let list = loads(b"[0,[1,2],-1]").unwrap();
    assert_eq!(Decimal::from_value(&list).unwrap().to_string(), "1.2");
}

#[test]
fn nan_has_no_order_and_infinities_do_not_cancel() {
    assert_eq!(
        decimal("nan").compare(&decimal("1")),
        Err(DecimalError::InvalidOperation)
    );
    assert_eq!(
        decimal("inf").add(&decimal("-inf")).unwrap_err(),
        DecimalError::InvalidOperation
    );
    assert_eq!(
        decimal("9e999999").add(&decimal("9e999999")).unwrap_err(),
        DecimalError::Overflow
    );
    assert!(decimal("1.0") == decimal("1") && decimal("1e-500000") > decimal("0"));
}

#[test]
fn operands_far_apart_cost_nothing() {
    assert_eq!(
        decimal("1e999999")
            .add(&decimal("-1e-999999"))
            .unwrap()
            .to_string(),
        "1.000000000000000000000000000E+999999"
    );
    assert_eq!(
        decimal("1")
            .add(&decimal("-1e-900000"))
            .unwrap()
            .to_string(),
        "1.000000000000000000000000000"
    );
}

#[test]
fn rounding_to_places_fails_beyond_28_digits() {
    assert_eq!(decimal("1.0045").round(3).unwrap().to_string(), "1.004");
    assert_eq!(decimal("1.025").round(2).unwrap().to_string(), "1.02");
    assert_eq!(
        decimal("1e26").round(2).unwrap_err(),
        DecimalError::InvalidOperation
    );
    assert_eq!(decimal("0.95").to_f64(), 0.95);
    assert_eq!(decimal("-1e400").to_f64(), f64::NEG_INFINITY);
}
