//! Which keys may speak for an issuer: decentralised identifiers that need no network to resolve.

use ed25519_dalek::VerifyingKey;
use multibase::Base;

use super::ethereum::Account;

/// Multicodec prefix of an Ed25519 public key inside `did:key`.
const ED25519_PUBLIC_KEY: [u8; 2] = [0xed, 0x01];

/// Characters of `0x` and 20 bytes. The library looks at nothing but the length: what is no address
/// resolves, but no key hashes to it.
const ADDRESS_LENGTH: usize = 42;

/// Characters of `0x` and a compressed public key.
const PUBLIC_KEY_LENGTH: usize = 68;

/// One assertion method of an issuer.
#[derive(Debug)]
pub(crate) struct VerificationMethod {
    /// As it must be written, letter for letter, in a proof.
    pub(crate) id: String,
    pub(crate) key: Key,
}

/// What a verification method checks a signature against.
#[derive(Debug)]
pub(crate) enum Key {
    /// A signature is good if the key recovered from it hashes to the account of this name.
    EthereumAccount(String),
    Ed25519(VerifyingKey),
    /// Listed by the DID, but for proof types no stamp is accepted with.
    Unusable,
}

/// The assertion methods of an issuer, in the order of its DID document (domain B.4.2).
///
/// `None` for a DID that cannot be resolved without a network or is malformed.
pub(crate) fn assertion_methods(did: &str) -> Option<Vec<VerificationMethod>> {
    let (method, specific_id) = did.strip_prefix("did:")?.split_once(':')?;
    let method_named = |fragment: &str, key| VerificationMethod {
        id: format!("{did}#{fragment}"),
        key,
    };
    match method {
        "ethr" => {
            let (network, identity) = specific_id
                .split_once(':')
                .unwrap_or(("mainnet", specific_id));
            if !is_known_network(network) {
                return None;
            }
            match identity.len() {
                ADDRESS_LENGTH => Some(vec![
                    method_named("controller", Key::EthereumAccount(identity.to_owned())),
                    method_named("Eip712Method2021", Key::Unusable),
                ]),
                PUBLIC_KEY_LENGTH => {
                    let account = account_of_public_key(identity)?;
                    Some(vec![
                        method_named("controller", Key::EthereumAccount(account.clone())),
                        method_named("controllerKey", Key::EthereumAccount(account)),
                    ])
                }
                _ => None,
            }
        }
        "key" => {
            let key = Key::Ed25519(ed25519_key(specific_id)?);
            Some(vec![method_named(specific_id, key)])
        }
        _ => None,
    }
}

fn account_of_public_key(text: &str) -> Option<String> {
    let bytes = hex::decode(text.strip_prefix("0x")?).ok()?;
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&bytes).ok()?;
    Some(Account::of(&key).checksummed())
}

fn is_known_network(network: &str) -> bool {
    const NAMES: [&str; 6] = ["mainnet", "morden", "ropsten", "rinkeby", "goerli", "kovan"];
    NAMES.contains(&network)
        || network
            .strip_prefix("0x")
            .is_some_and(|chain| u64::from_str_radix(chain, 16).is_ok())
}

/// The key inside `z6Mk…`: base58btc of the multicodec prefix and 32 bytes.
fn ed25519_key(specific_id: &str) -> Option<VerifyingKey> {
    let (base, bytes) = multibase::decode(specific_id).ok()?;
    if base != Base::Base58Btc {
        return None;
    }
    let key = bytes.strip_prefix(&ED25519_PUBLIC_KEY)?;
    VerifyingKey::from_bytes(key.try_into().ok()?).ok()
}
