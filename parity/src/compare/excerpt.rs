//! Differences between texts, for people.

use similar::TextDiff;

/// A unified diff of two texts, with three lines of context.
pub fn text_diff(reference: &str, candidate: &str) -> String {
    TextDiff::from_lines(reference, candidate)
        .unified_diff()
        .header("reference", "candidate")
        .to_string()
}

/// The neighbourhood of the first byte in which two texts differ, as each side has it.
pub(super) fn around_first_difference(reference: &[u8], candidate: &[u8]) -> (String, String) {
    const BEFORE: usize = 20;
    const LENGTH: usize = 60;
    let at = reference
        .iter()
        .zip(candidate)
        .take_while(|(a, b)| a == b)
        .count();
    let start = at.saturating_sub(BEFORE);
    let cut = |bytes: &[u8]| {
        let end = bytes.len().min(start + LENGTH);
        String::from_utf8_lossy(&bytes[start.min(end)..end]).into_owned()
    };
    (cut(reference), cut(candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_names_both_sides() {
        let diff = text_diff("a\nb\n", "a\nc\n");
        assert!(diff.contains("--- reference") && diff.contains("-b") && diff.contains("+c"));
    }

    #[test]
    fn the_first_difference_is_in_view() {
        let (ours, theirs) = around_first_difference(b"same same x", b"same same y and more");
        assert_eq!(
            (ours.as_str(), theirs.as_str()),
            ("same same x", "same same y and more")
        );
    }
}
