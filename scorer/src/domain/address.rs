//! Addresses as the scoring endpoints accept them (domain 0.2).

/// The stored form of an address given to a scoring endpoint: lower case, with or without `0x`,
/// exactly forty hex digits. `None` is the answer `Invalid address.`.
///
/// Mixed case is never checked against EIP-55 here: the endpoints lower-case first.
pub fn normalise(address: &str) -> Option<String> {
    let lower = address.to_lowercase();
    let digits = lower.strip_prefix("0x").unwrap_or(&lower);
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == 40 && digits.bytes().all(hex)).then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_optional_and_case_is_folded() {
        let digits = "c9C46882915370c8d324505cd88cde3e7caf2b4A";
        let lower = digits.to_lowercase();
        assert_eq!(normalise(digits), Some(lower.clone()));
        assert_eq!(
            normalise(&format!("0X{digits}")),
            Some(format!("0x{lower}"))
        );
    }

    #[test]
    fn anything_but_forty_ascii_hex_digits_is_invalid() {
        let forty = "c9c46882915370c8d324505cd88cde3e7caf2b4a";
        for bad in [
            "",
            "0x",
            &forty[1..],
            &format!("{forty}0"),
            &format!("0x{forty}\n"),
            &format!("g{}", &forty[1..]),
            "٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣",
        ] {
            assert_eq!(normalise(bad), None, "{bad:?}");
        }
    }
}
