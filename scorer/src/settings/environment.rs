//! Environment variables read by the rules of the Python service (contract §7).

use std::collections::HashMap;

use super::Problem;

/// Names and values, with every problem met while reading them.
pub(super) struct Environment {
    pairs: HashMap<String, String>,
    problems: Vec<Problem>,
}

impl Environment {
    pub(super) fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            pairs: pairs.into_iter().collect(),
            problems: Vec::new(),
        }
    }

    /// A value as text. A value that starts with `$` names another variable, which is then read.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let mut value = self.pairs.get(name)?;
        for _ in 0..=self.pairs.len() {
            if !value.starts_with('$') {
                return Some(value.clone());
            }
            let target = value.trim_start_matches('$');
            match self.pairs.get(target) {
                Some(next) => value = next,
                None => {
                    self.refuse(
                        name,
                        "starts with `$` and so names another variable, which is not set",
                    );
                    return None;
                }
            }
        }
        self.refuse(name, "names another variable that leads back to itself");
        None
    }

    /// Like [`text`](Self::text), with empty text as absent: settings whose default is null.
    pub(super) fn non_empty(&mut self, name: &'static str) -> Option<String> {
        self.text(name).filter(|value| !value.is_empty())
    }

    pub(super) fn text_or(&mut self, name: &'static str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| default.to_owned())
    }

    pub(super) fn required(&mut self, name: &'static str) -> String {
        if !self.pairs.contains_key(name) {
            self.refuse(name, "must be set");
        }
        self.text(name).unwrap_or_default()
    }

    /// A non-zero integer, or one of `true on ok y yes 1` in any case; anything else is false.
    pub(super) fn boolean(&mut self, name: &'static str, default: bool) -> bool {
        let Some(value) = self.text(name) else {
            return default;
        };
        if let Ok(number) = value.trim().parse::<i128>() {
            return number != 0;
        }
        ["true", "on", "ok", "y", "yes"].contains(&value.trim().to_lowercase().as_str())
    }

    pub(super) fn integer(&mut self, name: &'static str, default: i64) -> i64 {
        let Some(value) = self.text(name) else {
            return default;
        };
        value.trim().parse().unwrap_or_else(|_| {
            self.refuse(name, "must be an integer");
            default
        })
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &'static str,
        shape: &str,
    ) -> Option<T> {
        let value = self.non_empty(name)?;
        match serde_json::from_str(&value) {
            Ok(parsed) => Some(parsed),
            Err(_) => {
                self.refuse(name, format!("must be JSON: {shape}"));
                None
            }
        }
    }

    /// One of the given words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        default: T,
        words: &[(&str, T)],
    ) -> T {
        let Some(value) = self.non_empty(name) else {
            return default;
        };
        if let Some((_, chosen)) = words.iter().find(|(word, _)| *word == value) {
            return *chosen;
        }
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.refuse(name, format!("must be one of: {}", words.join(", ")));
        default
    }

    /// Notes a problem. `what` must not contain the value: it may be secret.
    pub(super) fn refuse(&mut self, variable: &'static str, what: impl Into<String>) {
        self.problems.push(Problem {
            variable,
            what: what.into(),
        });
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// Reads the text of an `.env` file: `NAME=value` lines, optional `export`, quotes, `#` comments.
/// Lines of any other form are ignored, as the Python service ignores them.
pub(super) fn parse_env_file(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let well_formed = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    well_formed.then(|| (name.to_owned(), unquote(value)))
}

fn unquote(value: &str) -> String {
    let inner = |quote: char| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    if let Some(literal) = inner('\'') {
        return literal.to_owned();
    }
    let Some(escaped) = inner('"') else {
        return value.to_owned();
    };
    let mut plain = String::with_capacity(escaped.len());
    let mut characters = escaped.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}
