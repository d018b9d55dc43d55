//! Ethereum signatures: from a digest and a signature to the account that made it.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

/// The last 20 bytes of the hash of a public key.
pub(crate) type Account = [u8; 20];

/// Keccak-256, the hash of Ethereum.
pub(crate) fn keccak(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// The account whose key made this `proofValue` over this digest.
///
/// As lenient as the library (domain B.4.2, H60): `0x` and hexadecimal digits of any case; 32 bytes
/// r, 32 bytes s, high s too, one byte v taken modulo 27; bytes after those 65 are ignored.
pub(crate) fn recover(proof_value: &str, digest: &[u8; 32]) -> Option<Account> {
    let bytes = hex::decode(proof_value.strip_prefix("0x")?).ok()?;
    let (signature, rest) = bytes.split_at_checked(64)?;
    let signature = Signature::from_slice(signature).ok()?;
    let recovery = RecoveryId::from_byte(rest.first()? % 27)?;
    let key = VerifyingKey::recover_from_prehash(digest, &signature, recovery).ok()?;
    Some(account_of(&key))
}

/// The account of a public key.
pub(crate) fn account_of(key: &VerifyingKey) -> Account {
    let point = key.to_sec1_point(false);
    // The first byte says that the point is not compressed and is not hashed.
    let hash = keccak(&point.as_bytes()[1..]);
    let mut account = Account::default();
    account.copy_from_slice(&hash[12..]);
    account
}
