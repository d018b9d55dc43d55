//! What counts as a keyword, an IRI, a blank node.

const KEYWORDS: [&str; 23] = [
    "@base",
    "@container",
    "@context",
    "@direction",
    "@graph",
    "@id",
    "@import",
    "@included",
    "@index",
    "@json",
    "@language",
    "@list",
    "@nest",
    "@none",
    "@prefix",
    "@propagate",
    "@protected",
    "@reverse",
    "@set",
    "@type",
    "@value",
    "@version",
    "@vocab",
];

pub(super) fn is_keyword(text: &str) -> bool {
    KEYWORDS.contains(&text)
}

/// `@` and letters: reserved for keywords to come, and ignored.
pub(super) fn looks_like_keyword(text: &str) -> bool {
    text.strip_prefix('@')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

pub(super) fn is_blank(text: &str) -> bool {
    text.starts_with("_:")
}

/// Has a scheme, and no character that an IRI may not hold.
pub(super) fn is_absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let is_forbidden = |letter: char| {
        letter <= ' ' || matches!(letter, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
    };
    scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.contains(is_forbidden)
}

/// A prefix must end so that what follows cannot be mistaken for a part of it.
pub(super) fn ends_like_prefix(iri: &str) -> bool {
    iri.ends_with([':', '/', '?', '#', '[', ']', '@']) || is_blank(iri)
}

/// `prefix:suffix`, with at least one character of prefix.
pub(super) fn split_compact(text: &str) -> Option<(&str, &str)> {
    text.split_once(':')
        .filter(|(prefix, _)| !prefix.is_empty())
}
