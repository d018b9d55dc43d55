//! Base64 as Python reads it: characters outside the alphabet are ignored (contract §2.3).

/// What Python raises; the text is that of its exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Base64Error {
    #[error("string argument should contain only ASCII characters")]
    NotAscii,
    #[error("Incorrect padding")]
    Padding,
    #[error(
        "Invalid base64-encoded string: number of data characters ({characters}) cannot be 1 more \
         than a multiple of 4"
    )]
    LastCharacterAlone { characters: usize },
}

/// `base64.urlsafe_b64decode` after padding to a multiple of four.
///
/// # Errors
/// Incomplete groups of four characters.
pub(crate) fn urlsafe_decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    let missing = (4 - text.len() % 4) % 4;
    let padded = text.bytes().chain(std::iter::repeat_n(b'=', missing));
    decode(padded)
}

/// `base64.urlsafe_b64decode` of the text as it is.
///
/// # Errors
/// Incomplete groups of four characters, and characters beyond ASCII.
pub(crate) fn urlsafe_decode_unpadded(text: &str) -> Result<Vec<u8>, Base64Error> {
    if text.is_ascii() {
        decode(text.bytes())
    } else {
        Err(Base64Error::NotAscii)
    }
}

/// `binascii.a2b_base64` in its lenient mode, over both alphabets.
fn decode(bytes: impl Iterator<Item = u8>) -> Result<Vec<u8>, Base64Error> {
    let mut decoded = Vec::new();
    let (mut held, mut held_bits, mut in_quad, mut pads) = (0_u32, 0_u32, 0_u32, 0_u32);
    for byte in bytes {
        if byte == b'=' {
            // Only padding that completes a quad ends the text.
            if in_quad >= 2 {
                pads += 1;
                if in_quad + pads >= 4 {
                    return Ok(decoded);
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
    match in_quad {
        0 => Ok(decoded),
        1 => Err(Base64Error::LastCharacterAlone {
            characters: decoded.len() / 3 * 4 + 1,
        }),
        _ => Err(Base64Error::Padding),
    }
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
            assert_eq!(urlsafe_decode(text).as_deref(), Ok(&b"hello"[..]), "{text}");
        }
        assert_eq!(urlsafe_decode("-_+/"), Ok(vec![0xfb, 0xff, 0xbf]));
    }

    #[test]
    fn text_after_complete_padding_is_ignored() {
        assert_eq!(urlsafe_decode("aGk=aGk="), Ok(b"hi".to_vec()));
    }

    #[test]
    fn incomplete_quads_are_refused() {
        // One foreign character makes up the length, so no padding is added.
        assert_eq!(urlsafe_decode("aGVs!bG8"), Err(Base64Error::Padding));
        assert_eq!(
            urlsafe_decode_unpadded("aGVsbG8"),
            Err(Base64Error::Padding)
        );
        for (text, characters) in [("a", 1), ("aGVsb", 5), ("a=", 1)] {
            let error = Base64Error::LastCharacterAlone { characters };
            assert_eq!(urlsafe_decode(text), Err(error), "{text}");
        }
        assert_eq!(urlsafe_decode_unpadded("é"), Err(Base64Error::NotAscii));
        assert_eq!(urlsafe_decode(""), Ok(vec![]));
    }
}
