//! Base64 as Python reads it: characters outside the alphabet are ignored (contract §2.3).

/// `base64.urlsafe_b64decode` after padding to a multiple of four. Nothing where Python raises.
pub(crate) fn urlsafe_decode(text: &str) -> Option<Vec<u8>> {
    let missing = (4 - text.len() % 4) % 4;
    let padded = text.bytes().chain(std::iter::repeat_n(b'=', missing));
    decode(padded)
}

/// `base64.urlsafe_b64decode` of the text as it is.
pub(crate) fn urlsafe_decode_unpadded(text: &str) -> Option<Vec<u8>> {
    decode(text.bytes())
}

/// `binascii.a2b_base64` in its lenient mode, over both alphabets.
fn decode(bytes: impl Iterator<Item = u8>) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let (mut held, mut held_bits, mut in_quad, mut pads) = (0_u32, 0_u32, 0_u32, 0_u32);
    for byte in bytes {
        if byte == b'=' {
            // Only padding that completes a quad ends the text.
            if in_quad >= 2 {
                pads += 1;
                if in_quad + pads >= 4 {
                    return Some(decoded);
                }
            }
            continue;
        }
        let Some(value) = alphabet(byte) else {
            continue;
        };
        pads = 0;
        in_quad = (in_quad + 1) % 4;
        held = held << 6 | value;
        held_bits += 6;
        if held_bits >= 8 {
            held_bits -= 8;
            decoded.push((held >> held_bits) as u8);
            held &= (1 << held_bits) - 1;
        }
        if in_quad == 0 {
            (held, held_bits) = (0, 0);
        }
    }
    (in_quad == 0).then_some(decoded)
}

fn alphabet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_characters_are_ignored() {
        for text in [
            "aGVsbG8",
            "aGVsbG8=",
            "aGVs!!!!bG8",
            "a!G.V sbG8",
            "aGVsbG8==",
        ] {
            assert_eq!(
                urlsafe_decode(text).as_deref(),
                Some(&b"hello"[..]),
                "{text}"
            );
        }
        assert_eq!(urlsafe_decode("-_+/"), Some(vec![0xfb, 0xff, 0xbf]));
    }

    #[test]
    fn text_after_complete_padding_is_ignored() {
        assert_eq!(urlsafe_decode("aGk=aGk="), Some(b"hi".to_vec()));
    }

    #[test]
    fn incomplete_quads_are_refused() {
        // One foreign character makes up the length, so no padding is added.
        assert_eq!(urlsafe_decode("aGVs!bG8"), None);
        assert_eq!(urlsafe_decode("a"), None);
        assert_eq!(urlsafe_decode("aGVsb"), None);
        assert_eq!(urlsafe_decode_unpadded("aGVsbG8"), None);
        assert_eq!(urlsafe_decode(""), Some(vec![]));
    }
}
