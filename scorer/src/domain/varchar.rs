//! What PostgreSQL makes of text that is too long for its column.

/// Text as a `varchar(length)` column stores it: blanks beyond the length are cut off without a word.
///
/// `None` where anything but blanks is beyond it, which the database refuses.
pub(crate) fn fit(text: &str, length: usize) -> Option<&str> {
    match text.char_indices().nth(length) {
        None => Some(text),
        Some((end, _)) => {
            let (stored, excess) = text.split_at(end);
            excess.bytes().all(|byte| byte == b' ').then_some(stored)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blanks_are_cut_off() {
        assert_eq!(fit("ab", 2), Some("ab"));
        assert_eq!(fit("ab ", 2), Some("ab"));
        assert_eq!(fit("é   ", 2), Some("é "));
        for refused in ["abc", "ab  c", "ab\t", "ab\u{a0}"] {
            assert_eq!(fit(refused, 2), None, "{refused:?}");
        }
    }
}
