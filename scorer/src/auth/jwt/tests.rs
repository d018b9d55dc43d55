use ::base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;

const KEY: &str = "test-secret";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_700_000_000_500_000).unwrap()
}

fn sign(header: &str, payload: &str) -> String {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(payload.as_bytes())
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
}

/// `Ok` for a token that passes, else the message, or `500`.
fn outcome(token: &str) -> Result<(), &'static str> {
    match verify(token, &Secret::new(KEY), now()) {
        Ok(_) => Ok(()),
        Err(Refusal::Message(message)) => Err(message),
        Err(Refusal::Uncaught(_)) => Err("500"),
    }
}

fn with_claims(payload: &str) -> Result<(), &'static str> {
    outcome(&sign(r#"{"alg":"HS256"}"#, payload))
}

const GOOD: &str = r#"{"token_type":"access","exp":1800000000,"jti":"x","did":"d"}"#;

#[test]
fn claims_are_checked_in_the_order_of_the_contract() {
    let rest = r#""jti":"x","token_type":"access","did":"d""#;
    for (claims, expected) in [
        (r#""exp":1800000000"#, Ok(())),
        (r#""exp":1800000000.5"#, Ok(())),
        (r#""exp":1700000000"#, Err(INVALID)),
        (r#""exp":1700000001"#, Ok(())),
        (r#""exp":true"#, Err(INVALID)),
        (r#""exp":"x""#, Err(INVALID)),
        (r#""exp":NaN"#, Err(INVALID)),
        (r#""exp":"1""#, Err(INVALID)),
        (r#""exp":"1800000000""#, Err("500")),
        (r#""exp":null"#, Err("500")),
        (r#""exp":[1]"#, Err("500")),
        (r#""exp":Infinity"#, Err("500")),
        (r#""exp":253402300799"#, Ok(())),
        (r#""exp":253402300800"#, Err("500")),
        (r#""exp":1800000000,"iat":1700000000"#, Ok(())),
        (r#""exp":1800000000,"iat":1700000001"#, Err(INVALID)),
        (r#""exp":1800000000,"iat":" 1_0 ""#, Ok(())),
        (r#""exp":1800000000,"iat":null"#, Err("500")),
        (r#""exp":1800000000,"nbf":"5""#, Ok(())),
        (r#""exp":1800000000,"nbf":1800000000"#, Err(INVALID)),
        (r#""exp":1800000000,"sub":1"#, Err(INVALID)),
        (r#""iat":1"#, Err(NO_EXP)),
    ] {
        assert_eq!(
            with_claims(&format!("{{{claims},{rest}}}")),
            expected,
            "{claims}"
        );
    }
}

#[test]
fn the_token_class_asks_for_an_id_and_its_type() {
    for (payload, expected) in [
        (r#"{"exp":1800000000,"token_type":"access"}"#, NO_JTI),
        (r#"{"exp":1800000000,"jti":"x"}"#, NO_TYPE),
        (
            r#"{"exp":1800000000,"jti":"x","token_type":"refresh"}"#,
            WRONG_TYPE,
        ),
        (
            r#"{"exp":1800000000,"jti":"x","token_type":null}"#,
            WRONG_TYPE,
        ),
        (
            r#"{"exp":1800000000,"jti":null,"token_type":"access"}"#,
            INVALID,
        ),
        (r#"[]"#, INVALID),
    ] {
        assert_eq!(with_claims(payload), Err(expected), "{payload}");
    }
}

#[test]
fn only_hs256_with_this_key_passes() {
    assert_eq!(
        outcome(&sign(r#"{"alg":"HS256","typ":1,"kid":2,"crit":3}"#, GOOD)),
        Ok(())
    );
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{}"#,
        r#"[]"#,
        r#"{"alg":"HS256","b64":false}"#,
    ] {
        assert_eq!(outcome(&sign(header, GOOD)), Err(INVALID), "{header}");
    }
    let good = sign(r#"{"alg":"HS256"}"#, GOOD);
    let mut forged = good.clone();
    forged.replace_range(
        good.len() - 5..good.len() - 4,
        if good.as_bytes()[good.len() - 5] == b'A' {
            "B"
        } else {
            "A"
        },
    );
    assert_eq!(outcome(&forged), Err(INVALID));
    for token in ["", "a", "a.b", "..", "a.b.c"] {
        assert_eq!(outcome(token), Err(INVALID), "{token:?}");
    }
}

#[test]
fn base64_is_read_leniently() {
    let good = sign(r#"{"alg":"HS256"}"#, GOOD);
    for tail in ["!!!!", "=", "===="] {
        assert_eq!(outcome(&format!("{good}{tail}")), Ok(()), "{tail:?}");
    }
}

#[test]
fn the_last_of_repeated_claims_counts() {
    assert_eq!(
        with_claims(r#"{"token_type":"access","exp":1,"exp":1800000000,"jti":"x","did":"d"}"#),
        Ok(())
    );
}

/// What PyJWT 2.10.1 and django-ninja-jwt 5.3.5 answer (`tests/vectors/make.py access_token`).
#[test]
fn tokens_pass_and_fail_as_with_the_python_libraries() {
    let vectors = include_str!("../../../tests/vectors/access_token.tsv");
    let key = Secret::new("vector-secret-key-0123456789abcdef0123456789abcdef");
    let now = DateTime::from_timestamp_micros(1_768_478_400_123_456).unwrap();
    let mut counts = std::collections::BTreeMap::new();
    for line in vectors.split('\n').filter(|line| !line.is_empty()) {
        let [input, outcome, expected] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
            panic!("not a vector: {line}");
        };
        let header: String = serde_json::from_str(input).unwrap();
        let bytes = header.chars().map(|byte| u8::try_from(byte).unwrap());
        let headers = Headers::new(&[("Authorization".to_owned(), bytes.collect())]);
        let ours = match authenticate(&headers, &key, now) {
            Ok(Caller(did)) => ("ok", json::dumps(&did)),
            Err(Failure::Detail(401, text)) => ("ok", text.into_owned()),
            Err(_) => ("error", "uncaught".to_owned()),
        };
        assert_eq!(ours, (outcome, expected.to_owned()), "{input}");
        *counts.entry(expected).or_insert(0) += 1;
    }
    let common = counts.values().filter(|count| **count >= 5).count();
    assert!(common >= 8, "{counts:?}");
}
