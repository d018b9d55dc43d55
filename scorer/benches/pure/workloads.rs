//! What the pure hot paths of a scoring work on, the same in every run.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use scorer::credential::Verifier;
use scorer::domain::pipeline::{Circumstances, Simulation, score};
use scorer::domain::rules::Rules;
use scorer::domain::snapshot::{CachedStamp, Community, Scorer, Snapshot};
use scorer::python::decimal::Decimal;
use scorer::python::{Value, json};

/// Stamps of a well-used passport.
pub(crate) const STAMPS: usize = 20;

/// Of whom the stamps are, and who signed them.
const ADDRESS: &str = "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";
const ISSUER: &str = "did:ethr:0x5d034da3305529380b342e926b668efbe37c358e";
const TWENTY_STAMPS: &str = include_str!("twenty-stamps.json");
const EIP712: &str = include_str!("../../tests/credentials/eip712.json");
const ED25519: &str = include_str!("../../tests/credentials/ed25519.json");

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("an instant within range")
}

/// A recorded stamp as it came over the wire, signed by EIP-712.
pub(crate) fn eip712_credential() -> Value {
    recorded(EIP712)
}

/// A recorded stamp signed by Ed25519 over linked data.
pub(crate) fn ed25519_credential() -> Value {
    recorded(ED25519)
}

fn recorded(measured: &str) -> Value {
    let measured = json::loads(measured.as_bytes()).expect("a file of this project");
    let credentials = measured
        .get("credentials")
        .and_then(|all| all.get("recorded"));
    credentials.expect("a credential of this name").clone()
}

/// A verifier that has seen the credential.
pub(crate) fn warm_verifier(credential: &Value) -> Verifier {
    let verifier = Verifier::new(STAMPS);
    assert!(
        verifier.verify(credential, now()),
        "the recorded credential is good"
    );
    verifier
}

/// The text of one stamp.
pub(crate) fn stamp_text() -> String {
    json::dumps(&eip712_credential())
}

/// Weights as communities have them: text, and numbers that are no exact decimals.
pub(crate) fn weights() -> Vec<Decimal> {
    (0..STAMPS)
        .map(|index| {
            if index % 2 == 0 {
                Decimal::from_f64_exact(0.1 + index as f64)
            } else {
                Decimal::parse("0.525").expect("a decimal")
            }
        })
        .collect()
}

pub(crate) fn sum(weights: &[Decimal]) -> Decimal {
    let add = |total: Decimal, weight| total.add(weight).expect("finite weights");
    weights.iter().fold(Decimal::zero(), add)
}

/// An address with [`STAMPS`] stamps in a community that weighs all of them.
pub(crate) fn snapshot() -> Snapshot {
    let mut weights = String::from("{");
    for index in 0..STAMPS {
        let comma = if index == 0 { "" } else { ", " };
        weights.push_str(&format!("{comma}\"Provider{index}\": \"0.525\""));
    }
    weights.push('}');
    Snapshot {
        community: Community {
            id: 5,
            account_id: 1,
            rule: "LIFO".to_owned(),
            human_points_program: false,
        },
        scorer: Scorer::Weighted {
            weights: json::loads(weights.as_bytes()).expect("weights made here"),
            threshold: "2.50000".to_owned(),
        },
        customization: None,
        passport_id: Some(1),
        score: None,
        cached_stamps: stamps(),
        registry_stamps: Vec::new(),
        links: Vec::new(),
        points: None,
    }
}

fn stamps() -> Vec<CachedStamp> {
    let Ok(Value::List(stamps)) = json::loads(TWENTY_STAMPS.as_bytes()) else {
        panic!("a list in a file of this project");
    };
    let row = |(index, stamp)| CachedStamp {
        id: index as i64 + 1,
        address: ADDRESS.to_owned(),
        provider: format!("Provider{index}"),
        kind: 1,
        stamp: Arc::new(stamp),
        updated_at: now(),
        issuance_date: None,
        expiration_date: None,
    };
    stamps.into_iter().enumerate().map(row).collect()
}

/// A whole scoring in memory. All stamps count: their signatures are good.
pub(crate) fn score_in_memory(snapshot: &Snapshot, verifier: &Verifier) -> Simulation {
    let rules = Rules {
        trusted_issuers: vec![ISSUER.to_owned()],
        ..Rules::default()
    };
    let circumstances = Circumstances {
        rules: &rules,
        now: now(),
        verifier,
        show_points: false,
        contended: false,
    };
    let simulation = score(snapshot, ADDRESS, &circumstances).expect("the community can be scored");
    let object = simulation.outcome.as_ref().expect("no exception");
    assert_eq!(
        object.stamps.as_dict().map(|stamps| stamps.len()),
        Some(STAMPS)
    );
    simulation
}
