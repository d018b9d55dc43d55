//! The contexts that are known without a network.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value as Json;

const SOURCES: [(&str, &str); 4] = [
    (
        "https://www.w3.org/2018/credentials/v1",
        include_str!("contexts/credentials-v1.jsonld"),
    ),
    (
        "https://w3id.org/security/suites/ed25519-2020/v1",
        include_str!("contexts/ed25519-2020-v1.jsonld"),
    ),
    (
        "https://w3id.org/security/suites/jws-2020/v1",
        include_str!("contexts/jws-2020-v1.jsonld"),
    ),
    (
        "https://w3id.org/vc/status-list/2021/v1",
        include_str!("contexts/status-list-2021-v1.jsonld"),
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
