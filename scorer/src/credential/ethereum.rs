//! Ethereum signatures: from a digest and a signature to the account that made it.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

/// The last 20 bytes of the hash of a public key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account([u8; 20]);

impl Account {
    /// The account of a public key.
    pub(crate) fn of(key: &VerifyingKey) -> Self {
        let point = key.to_sec1_point(false);
        // The first byte says that the point is not compressed and is not hashed.
        let hash = keccak(&point.as_bytes()[1..]);
        let mut account = [0; 20];
        account.copy_from_slice(&hash[12..]);
        Self(account)
    }

    /// Whether this text names the account: all in lower case, or in exactly the mixed case of its
    /// checksum (EIP-55).
    pub(crate) fn is_written(&self, text: &str) -> bool {
        if text.contains(|letter: char| letter.is_ascii_uppercase()) {
            self.checksummed() == text
        } else {
            format!("0x{}", hex::encode(self.0)) == text
        }
    }

    /// With the checksum of EIP-55: a letter is upper-case where the hash of the lower-case text has
    /// a digit of eight or more.
    pub(crate) fn checksummed(&self) -> String {
        let digits = hex::encode(self.0);
        let checksum = hex::encode(keccak(digits.as_bytes()));
        let cased = digits.chars().zip(checksum.chars()).map(|(digit, check)| {
            if check >= '8' {
                digit.to_ascii_uppercase()
            } else {
                digit
            }
        });
        "0x".chars().chain(cased).collect()
    }
}

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
    Some(Account::of(&key))
}
