//! Partner API keys (contract §2.1).

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    api::{error::Failure, request::Headers},
    service::Service,
    settings::{Secret, Settings},
    store::api_keys::ApiKey,
};

/// The two ways in which the endpoints of the Python service look a key up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// The v2 score: revoked keys are refused, demo aliases work in `X-API-Key` only.
    Async,
    /// All others: revoked keys are accepted, demo aliases work everywhere.
    Sync,
}

/// A key that passed, and whether its SHA-256 has yet to be stored.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) key: ApiKey,
    /// The text to store in `hashed_key_sha256`: the key was verified by its slow hash.
    pub(crate) migrated_hash: Option<String>,
}

fn refused() -> Failure {
    Failure::detail(401, "Invalid API Key.")
}

/// Authenticates a request.
///
/// # Errors
/// 401 for every reason; the 500 page for a malformed stored hash, a failing database, or (sync
/// flavour) a demo alias without a demo key.
pub(crate) async fn authenticate(
    service: &Service,
    headers: &Headers,
    flavour: Flavour,
) -> Result<Authenticated, Failure> {
    let text = presented(headers, service.settings(), flavour)?.ok_or_else(refused)?;
    let prefix = text.expose().split('.').next().unwrap_or_default();
    let key = ApiKey::by_prefix(&service.databases().primary, prefix)
        .await?
        .filter(|key| flavour == Flavour::Sync || !key.revoked)
        .ok_or_else(refused)?;
    let migrated_hash = match check(&key, &text)? {
        Check::Valid => None,
        Check::Invalid => return Err(refused()),
        Check::Slow(hash) => {
            let fast = fast_hash(text.expose());
            if !service.verify_slowly(hash, text).await {
                return Err(refused());
            }
            Some(fast)
        }
    };
    Ok(Authenticated { key, migrated_hash })
}

/// The key text of a request, demo aliases replaced.
fn presented(
    headers: &Headers,
    settings: &Settings,
    flavour: Flavour,
) -> Result<Option<Secret>, Failure> {
    let is_alias = |text: &Secret| -> bool {
        settings
            .demo_api_key_aliases
            .iter()
            .any(|alias| alias.matches(text.expose()))
    };
    let mut key = headers
        .get("X-API-Key")
        .map(Secret::new)
        .filter(|key| !key.is_empty());
    if flavour == Flavour::Async && key.as_ref().is_some_and(is_alias) {
        key = settings.demo_api_key.clone();
    }
    let key = key.or_else(|| second_word(headers.get("Authorization")?).map(Secret::new));
    match (flavour, key) {
        (Flavour::Sync, Some(key)) if is_alias(&key) => match &settings.demo_api_key {
            Some(demo) => Ok(Some(demo.clone())),
            None => Err(Failure::quirk("a demo alias without DEMO_API_KEY")),
        },
        (_, key) => Ok(key),
    }
}

/// The word after any scheme, split at Python's white space.
fn second_word(authorization: &str) -> Option<&str> {
    let is_space =
        |character: char| character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character);
    authorization
        .split(is_space)
        .filter(|word| !word.is_empty())
        .nth(1)
}

enum Check {
    Valid,
    Invalid,
    /// The slow hash has to decide.
    Slow(SlowHash),
}

fn check(key: &ApiKey, text: &Secret) -> Result<Check, Failure> {
    let fast = fast_hash(text.expose());
    let compare = |stored: &str| match stored.as_bytes().ct_eq(fast.as_bytes()).into() {
        true => Check::Valid,
        false => Check::Invalid,
    };
    match key.hashed_key_sha256.as_deref() {
        Some(stored) if !stored.is_empty() => Ok(compare(stored)),
        _ if key.hashed_key.starts_with("sha256$") => Ok(compare(&key.hashed_key)),
        _ if key.hashed_key.starts_with("pbkdf2_sha256$") => SlowHash::parse(&key.hashed_key)
            .map(Check::Slow)
            .ok_or_else(|| Failure::quirk("a malformed key hash")),
        _ => Ok(Check::Invalid),
    }
}

/// The form in which verified keys are stored.
fn fast_hash(key: &str) -> String {
    format!("sha256${}", hex::encode(Sha256::digest(key.as_bytes())))
}

/// `pbkdf2_sha256$<iterations>$<salt>$<base64>`, Django's format.
pub(crate) struct SlowHash {
    iterations: u32,
    salt: String,
    digest: String,
}

impl SlowHash {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '$').skip(1);
        let iterations = parts
            .next()?
            .trim()
            .parse()
            .ok()
            .filter(|count| *count > 0)?;
        let salt = parts.next().filter(|salt| !salt.is_empty())?.to_owned();
        let digest = parts.next()?.to_owned();
        Some(Self {
            iterations,
            salt,
            digest,
        })
    }

    /// Tens of milliseconds of one core: call it off the executor.
    pub(crate) fn verify(&self, key: &Secret) -> bool {
        let derived = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(
            key.expose().as_bytes(),
            self.salt.as_bytes(),
            self.iterations,
        );
        let derived = BASE64_STANDARD.encode(derived);
        derived.as_bytes().ct_eq(self.digest.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vector of contract §2.1.
    const KEY: &str = "AbCdEf12.0123456789abcdef0123456789abcdef";
    const FAST: &str = "sha256$df166bb83f276feb57c8f314203e25b5b159108b2b061d576b75d44d2f7fd552";
    const SLOW: &str =
        "pbkdf2_sha256$600000$saltsaltsaltsaltsalt22$y3My3LbvbW3KvJwQxDoOQZ3D4YTBqptUvXwqI9tQmdA=";

    fn stored(hashed_key: &str, hashed_key_sha256: Option<&str>) -> ApiKey {
        ApiKey {
            hashed_key: hashed_key.to_owned(),
            hashed_key_sha256: hashed_key_sha256.map(str::to_owned),
            ..ApiKey::default()
        }
    }

    fn is_valid(key: &ApiKey, text: &str) -> bool {
        match check(key, &Secret::new(text)).unwrap() {
            Check::Valid => true,
            Check::Invalid => false,
            Check::Slow(hash) => hash.verify(&Secret::new(text)),
        }
    }

    #[test]
    fn keys_verify_by_either_hash() {
        assert_eq!(fast_hash(KEY), FAST);
        for key in [
            stored("anything", Some(FAST)),
            stored(FAST, None),
            stored(FAST, Some("")),
            stored(SLOW, None),
        ] {
            assert!(is_valid(&key, KEY), "{key:?}");
            assert!(!is_valid(&key, "AbCdEf12.other"), "{key:?}");
        }
        assert!(!is_valid(&stored("md5$x", None), KEY));
        assert!(
            !is_valid(&stored(SLOW, Some("sha256$other")), KEY),
            "a stored SHA-256 is final"
        );
    }

    #[test]
    fn malformed_slow_hashes_are_errors() {
        for hash in [
            "pbkdf2_sha256$",
            "pbkdf2_sha256$x$salt$hash",
            "pbkdf2_sha256$1$salt",
            "pbkdf2_sha256$0$salt$hash",
            "pbkdf2_sha256$1$$hash",
        ] {
            assert!(
                check(&stored(hash, None), &Secret::new(KEY)).is_err(),
                "{hash}"
            );
        }
    }

    #[test]
    fn the_second_word_of_authorization_is_the_key() {
        assert_eq!(second_word("Any  key extra"), Some("key"));
        assert_eq!(second_word("\u{a0}Any\u{1c}key"), Some("key"));
        assert_eq!(second_word("key"), None);
    }
}
