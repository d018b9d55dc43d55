//! Which keys may speak for an issuer: decentralised identifiers that need no network to resolve.

use ed25519_dalek::VerifyingKey;

use super::ethereum::{self, Account};

/// Multicodec prefix of an Ed25519 public key inside `did:key`.
const ED25519_PUBLIC_KEY: [u8; 2] = [0xed, 0x01];

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
    /// A signature is good if the key recovered from it hashes to this account.
    EthereumAccount(Account),
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
        "ethr" => match ethereum_identity(specific_id)? {
            EthereumIdentity::Address(account) => Some(vec![
                method_named("controller", account.map_or(Key::Unusable, Key::EthereumAccount)),
                method_named("Eip712Method2021", Key::Unusable),
            ]),
            EthereumIdentity::PublicKey(account) => Some(vec![
                method_named("controller", Key::EthereumAccount(account)),
                method_named("controllerKey", Key::EthereumAccount(account)),
            ]),
        },
        "key" => {
            let key = Key::Ed25519(ed25519_key(specific_id)?);
            Some(vec![method_named(specific_id, key)])
        }
        _ => None,
    }
}

enum EthereumIdentity {
    /// `None` for 42 characters that are no address: the DID resolves, but no key hashes to it.
    Address(Option<Account>),
    /// The account of the public key that the DID is made of.
    PublicKey(Account),
}

/// Reads `[network:]0x…`, an address or a compressed public key.
fn ethereum_identity(specific_id: &str) -> Option<EthereumIdentity> {
    let identity = match specific_id.split_once(':') {
        None => specific_id,
        Some((network, identity)) => is_known_network(network).then_some(identity)?,
    };
    let decode = |digits: &str, bytes: &mut [u8]| hex::decode_to_slice(digits, bytes).ok();
    let digits = identity.strip_prefix("0x");
    match identity.len() {
        42 => {
            let mut account = Account::default();
            let read = digits.and_then(|digits| decode(digits, &mut account));
            Some(EthereumIdentity::Address(read.map(|()| account)))
        }
        68 => {
            let mut key = [0; 33];
            decode(digits?, &mut key)?;
            let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&key).ok()?;
            Some(EthereumIdentity::PublicKey(ethereum::account_of(&key)))
        }
        _ => None,
    }
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
    let bytes = bs58::decode(specific_id.strip_prefix('z')?).into_vec().ok()?;
    let key = bytes.strip_prefix(&ED25519_PUBLIC_KEY)?;
    VerifyingKey::from_bytes(key.try_into().ok()?).ok()
}
