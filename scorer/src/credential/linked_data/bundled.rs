//! The contexts that are known without a network.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value as Json;

const SOURCES: [(&str, &str); 15] = [
    (
        "https://www.w3.org/2018/credentials/v1",
        include_str!("contexts/credentials-v1.jsonld"),
    ),
    (
        "https://www.w3.org/2018/credentials/examples/v1",
        include_str!("contexts/credentials-examples-v1.jsonld"),
    ),
    (
        "https://www.w3.org/ns/odrl.jsonld",
        include_str!("contexts/odrl.jsonld"),
    ),
    (
        "https://www.w3.org/ns/did/v1",
        include_str!("contexts/did-v1.jsonld"),
    ),
    (
        "https://w3id.org/did/v1",
        include_str!("contexts/did-v1.jsonld"),
    ),
    (
        "https://w3id.org/citizenship/v1",
        include_str!("contexts/citizenship-v1.jsonld"),
    ),
    (
        "https://w3id.org/security/bbs/v1",
        include_str!("contexts/bbs-v1.jsonld"),
    ),
    (
        "https://w3id.org/security/suites/blockchain-2021/v1",
        include_str!("contexts/blockchain-2021-v1.jsonld"),
    ),
    (
        "https://w3id.org/security/suites/ed25519-2020/v1",
        include_str!("contexts/ed25519-2020-v1.jsonld"),
    ),
    (
        "https://w3id.org/security/suites/eip712sig-2021/v1",
        include_str!("contexts/eip712sig-2021-v1.jsonld"),
    ),
    (
        "https://w3id.org/security/suites/jws-2020/v1",
        include_str!("contexts/jws-2020-v1.jsonld"),
    ),
    (
        "https://w3id.org/security/suites/secp256k1recovery-2020/v2",
        include_str!("contexts/secp256k1recovery-2020-v2.jsonld"),
    ),
    (
        "https://w3id.org/vc-revocation-list-2020/v1",
        include_str!("contexts/revocation-list-2020-v1.jsonld"),
    ),
    (
        "https://w3id.org/vc/status-list/2021/v1",
        include_str!("contexts/status-list-2021-v1.jsonld"),
    ),
    (
        "https://w3id.org/zcap/v1",
        include_str!("contexts/zcap-v1.jsonld"),
    ),
];

static CONTEXTS: LazyLock<HashMap<&'static str, Json>> = LazyLock::new(|| {
    SOURCES
        .into_iter()
        .filter_map(|(url, source)| {
            let mut document: Json = serde_json::from_str(source).ok()?;
            Some((url, document.get_mut("@context")?.take()))
        })
        .collect()
});

/// The context of this address.
pub(super) fn context(url: &str) -> Option<&'static Json> {
    CONTEXTS.get(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_context_can_be_read() {
        for (url, _) in SOURCES {
            assert!(context(url).is_some(), "{url}");
        }
    }
}
