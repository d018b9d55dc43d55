//! Which texts are addresses (contract §1.8).

use sha3::{Digest, Keccak256};

use super::error::Failure;

/// Lower-cases an address and checks it; mixed case needs no checksum.
pub(crate) fn lowered(address: &str) -> Result<String, Failure> {
    let lower = address.to_lowercase();
    if hex_digits(&lower).is_some() {
        Ok(lower)
    } else {
        Err(Failure::invalid_address())
    }
}

/// Checks an address as sent, where mixed case must be the EIP-55 checksum, and lower-cases it.
pub(crate) fn checksummed(address: &str) -> Result<String, Failure> {
    let digits = hex_digits(address).ok_or_else(Failure::invalid_address)?;
    let mixed = digits.bytes().any(|byte| byte.is_ascii_lowercase())
        && digits.bytes().any(|byte| byte.is_ascii_uppercase());
    if mixed && address != format!("0x{}", eip55(&digits.to_ascii_lowercase())) {
        return Err(Failure::invalid_address());
    }
    Ok(address.to_ascii_lowercase())
}

/// The 40 hexadecimal digits of an address, which may lack the prefix.
fn hex_digits(address: &str) -> Option<&str> {
    let digits = address
        .strip_prefix("0x")
        .or_else(|| address.strip_prefix("0X"))
        .unwrap_or(address);
    let well_formed = digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    well_formed.then_some(digits)
}

/// Digits in the case that EIP-55 gives them: upper where the hash's digit is 8 or more.
fn eip55(lower: &str) -> String {
    let hash = Keccak256::digest(lower.as_bytes());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    lower
        .chars()
        .zip(nibbles)
        .map(|(digit, nibble)| match nibble {
            8.. => digit.to_ascii_uppercase(),
            _ => digit,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vector of EIP-55.
    const CHECKSUMMED: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

    #[test]
    fn any_case_passes_where_the_checksum_is_not_asked_for() {
        let lower = CHECKSUMMED.to_lowercase();
        let wrong_case = CHECKSUMMED.replace("aAeb", "AaeB");
        let unprefixed = &CHECKSUMMED[2..];
        assert_eq!(lowered(&wrong_case).unwrap(), lower);
        assert_eq!(lowered(unprefixed).unwrap(), lower[2..]);
        assert_eq!(lowered(&format!("0X{unprefixed}")).unwrap(), lower);
        for bad in ["", "0x", "0x12", &format!("{lower}0"), &format!(" {lower}")] {
            assert!(lowered(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_checksum_is_enforced_on_mixed_case_only() {
        assert_eq!(
            checksummed(CHECKSUMMED).unwrap(),
            CHECKSUMMED.to_lowercase()
        );
        assert!(checksummed(&CHECKSUMMED.to_lowercase()).is_ok());
        assert!(checksummed(&CHECKSUMMED.to_uppercase()).is_ok());
        assert!(checksummed(&format!("0x{}", "1".repeat(40))).is_ok());
        assert!(checksummed(&CHECKSUMMED.replace("aAeb", "AaeB")).is_err());
        assert!(checksummed(&CHECKSUMMED[2..]).is_err(), "no prefix");
        assert!(checksummed(&CHECKSUMMED.replacen("0x", "0X", 1)).is_err());
    }
}
