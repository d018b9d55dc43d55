//! Text of a JSON string, as written between its quotes.

use std::{borrow::Cow, fmt::Write as _};

/// A JSON string as written: escapes are kept, so that `"é"` and `"\u00e9"` can be told apart.
/// Equality and hash are those of the written form; compare [`Text::decoded`] for the meaning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// Text between the quotes of a valid JSON string.
    pub(crate) fn from_written(written: &'a str) -> Self {
        Text(Cow::Borrowed(written))
    }

    /// Writes `decoded` as Python's `json.dumps` does: ASCII only, `\uXXXX` for the rest.
    pub fn from_decoded(decoded: &str) -> Text<'static> {
        let mut written = String::with_capacity(decoded.len());
        for character in decoded.chars() {
            match character {
                '"' => written.push_str("\\\""),
                '\\' => written.push_str("\\\\"),
                '\n' => written.push_str("\\n"),
                '\r' => written.push_str("\\r"),
                '\t' => written.push_str("\\t"),
                '\u{8}' => written.push_str("\\b"),
                '\u{c}' => written.push_str("\\f"),
                ' '..='~' => written.push(character),
                other => {
                    let mut units = [0; 2];
                    for unit in other.encode_utf16(&mut units) {
                        write!(written, "\\u{unit:04x}").expect("writing to a string cannot fail");
                    }
                }
            }
        }
        Text(Cow::Owned(written))
    }

    /// As written between the quotes.
    pub fn written(&self) -> &str {
        &self.0
    }

    /// What the string means. A lone surrogate, which no Rust string can hold, reads as U+FFFD;
    /// its written form still tells it apart.
    pub fn decoded(&self) -> Cow<'_, str> {
        if !self.0.contains('\\') {
            return Cow::Borrowed(&self.0);
        }
        Cow::Owned(String::from_utf16_lossy(&decode(&self.0)))
    }

    /// Whether both strings mean the same, down to lone surrogates.
    pub fn means_same_as(&self, other: &Text<'_>) -> bool {
        self == other || decode(&self.0) == decode(&other.0)
    }

    /// The same text without its document.
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push('"');
        out.push_str(&self.0);
        out.push('"');
    }
}

/// Equal when the string means `other`.
impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.decoded() == other
    }
}

/// UTF-16 code units of the string, lone surrogates included.
fn decode(written: &str) -> Vec<u16> {
    let mut units = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find('\\') {
        units.extend(rest[..at].encode_utf16());
        let escape = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        units.push(match escape {
            b'n' => 0x0A,
            b'r' => 0x0D,
            b't' => 0x09,
            b'b' => 0x08,
            b'f' => 0x0C,
            b'u' => take_hex(&mut rest),
            other => u16::from(other),
        });
    }
    units.extend(rest.encode_utf16());
    units
}

fn take_hex(rest: &mut &str) -> u16 {
    let digits = rest.get(..4).unwrap_or_default();
    *rest = rest.get(4..).unwrap_or_default();
    u16::from_str_radix(digits, 16).unwrap_or(0xFFFD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_every_escape_and_surrogate_pairs() {
        let text = Text::from_written(r#"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800x"#);
        assert_eq!(
            text.decoded(),
            "a\"\\/\u{8}\u{c}\n\r\té😀\u{FFFD}x",
            "a lone surrogate reads as the replacement character"
        );
    }

    #[test]
    fn writes_what_it_decodes() {
        let original = "tab\t quote\" back\\ é 😀 \u{7f} \u{1}";
        let text = Text::from_decoded(original);
        assert!(text.written().is_ascii());
        assert_eq!(text.decoded(), original);
    }

    #[test]
    fn keeps_apart_two_ways_to_write_one_string() {
        let (raw, escaped) = (Text::from_written("é"), Text::from_written("\\u00e9"));
        assert_ne!(raw, escaped);
        assert_eq!(raw.decoded(), escaped.decoded());
        assert!(raw.means_same_as(&escaped));
    }

    #[test]
    fn a_lone_surrogate_is_no_replacement_character() {
        let [raw, escaped, lone] = ["\u{FFFD}", "\\ufffd", "\\ud800"].map(Text::from_written);
        assert!(raw.means_same_as(&escaped));
        assert!(!escaped.means_same_as(&lone));
    }
}
