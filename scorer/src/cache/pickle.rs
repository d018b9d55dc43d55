//! Python's pickle of a text, protocol 5: the form of cached weights in Redis (contract §5).

const PROTO_5: [u8; 2] = [0x80, 5];
const FRAME: u8 = 0x95;
const SHORT_TEXT: u8 = 0x8c;
const TEXT: u8 = 0x58;
const LONG_TEXT: u8 = 0x8d;
const MEMOIZE: u8 = 0x94;
const STOP: u8 = b'.';

/// Texts of this many bytes and more are written outside a frame.
const UNFRAMED_FROM: usize = 64 * 1024;

/// Pickles a text.
pub(crate) fn dumps(text: &str) -> Vec<u8> {
    let length = text.len();
    let mut opcode = Vec::with_capacity(9);
    match (u8::try_from(length), u32::try_from(length)) {
        (Ok(short), _) => opcode.extend([SHORT_TEXT, short]),
        (_, Ok(medium)) => {
            opcode.push(TEXT);
            opcode.extend(medium.to_le_bytes());
        }
        _ => {
            opcode.push(LONG_TEXT);
            opcode.extend((length as u64).to_le_bytes());
        }
    }
    let mut pickled = PROTO_5.to_vec();
    if length < UNFRAMED_FROM {
        let framed = opcode.len() + length + 2;
        pickled.push(FRAME);
        pickled.extend((framed as u64).to_le_bytes());
    }
    pickled.extend(opcode);
    pickled.extend(text.as_bytes());
    pickled.extend([MEMOIZE, STOP]);
    pickled
}

/// Reads the pickle of a text, of any protocol from 2 on; nothing for any other pickle.
pub(crate) fn loads(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    let mut text = None;
    loop {
        let opcode = take::<1>(&mut rest)?[0];
        match opcode {
            0x80 => {
                take::<1>(&mut rest)?;
            }
            FRAME => {
                take::<8>(&mut rest)?;
            }
            // MEMOIZE stores what was read, as do BINPUT and LONG_BINPUT of older protocols.
            MEMOIZE => {}
            b'q' => {
                take::<1>(&mut rest)?;
            }
            b'r' => {
                take::<4>(&mut rest)?;
            }
            SHORT_TEXT => {
                let length = usize::from(take::<1>(&mut rest)?[0]);
                text = Some(take_text(&mut rest, length)?);
            }
            TEXT => {
                let length = u32::from_le_bytes(take(&mut rest)?);
                text = Some(take_text(&mut rest, usize::try_from(length).ok()?)?);
            }
            LONG_TEXT => {
                let length = u64::from_le_bytes(take(&mut rest)?);
                text = Some(take_text(&mut rest, usize::try_from(length).ok()?)?);
            }
            STOP => return text,
            _ => return None,
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_text(rest: &mut &[u8], length: usize) -> Option<String> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    String::from_utf8(head.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_pickle_to_the_bytes_of_python() {
        // Made with pickle.dumps(text, 5).
        assert_eq!(
            hex::encode(dumps(r#"{"a": 1}"#)),
            "8005950c000000000000008c087b2261223a20317d942e"
        );
        assert_eq!(dumps("").len(), 15);
        let medium = dumps(&"x".repeat(300));
        assert_eq!(
            hex::encode(&medium[..16]),
            "80059533010000000000005 82c010000".replace(' ', "")
        );
        let long = dumps(&"x".repeat(70_000));
        assert_eq!(hex::encode(&long[..7]), "80055870110100");
        assert_eq!(long.len(), 2 + 5 + 70_000 + 2);
    }

    #[test]
    fn what_is_written_can_be_read() {
        for length in [0, 1, 255, 256, 65_535, 65_536, 100_000] {
            let text = "ü".repeat(length / 2) + &"x".repeat(length % 2);
            assert_eq!(loads(&dumps(&text)).as_deref(), Some(text.as_str()));
        }
    }

    #[test]
    fn older_protocols_can_be_read() {
        // pickle.dumps("ab", 2)
        assert_eq!(
            loads(&hex::decode("8002580200000061627100 2e".replace(' ', "")).unwrap()).as_deref(),
            Some("ab")
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [
            &b""[..],
            b"x",
            b"\x80\x05",
            b"\x80\x05N.",
            b"\x80\x05\x8c\x05ab\x94.",
        ] {
            assert_eq!(loads(bytes), None, "{bytes:?}");
        }
    }
}
