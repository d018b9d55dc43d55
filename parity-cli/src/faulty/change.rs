//! The ways in which an answer can be spoilt.

use bytes::Bytes;
use parity::{
    effects::TableEffects,
    exchange::Response,
    json::{self, Value},
};

use crate::backend::Answer;

/// One way to spoil an answer. Each leaves alone what it does not find.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// One status for another.
    Status {
        from: u16,
        to: u16,
    },
    WithoutHeader(&'static str),
    HeaderText {
        name: &'static str,
        from: &'static str,
        to: &'static str,
    },
    ExtraHeader(&'static str, &'static str),
    /// The first occurrence of a text in the body.
    Text {
        from: &'static str,
        to: &'static str,
    },
    /// Every occurrence of a text in the body.
    EveryText {
        from: &'static str,
        to: &'static str,
    },
    WithoutBody,
    /// The last byte of the body is lost.
    CutBody,
    LongerBody(&'static str),
    /// A list that is the whole body, in reverse.
    ReversedList,
    WithoutInserted(&'static str),
    InsertedTwice(&'static str),
    InsertedInReverse(&'static str),
    WithoutUpdated(&'static str),
    WithoutDeleted(&'static str),
    /// One column of the inserted rows of a table; the value is JSON.
    InsertedColumn {
        table: &'static str,
        column: &'static str,
        value: &'static str,
    },
    /// One column of the updated rows of a table; the value is JSON.
    UpdatedColumn {
        table: &'static str,
        column: &'static str,
        value: &'static str,
    },
    WithoutCacheEntries,
    /// Counters in the cache are one too high.
    HigherCounters,
}

impl Change {
    pub(super) fn apply(self, answer: &mut Answer) -> bool {
        let response = &mut answer.observation.response;
        match self {
            Self::Status { from, to } => {
                let found = response.status == from;
                if found {
                    response.status = to;
                }
                found
            }
            Self::WithoutHeader(name) => {
                let before = response.headers.0.len();
                response
                    .headers
                    .0
                    .retain(|(field, _)| !field.eq_ignore_ascii_case(name));
                response.headers.0.len() < before
            }
            Self::HeaderText { name, from, to } => header_text(response, name, from, to),
            Self::ExtraHeader(name, value) => {
                response
                    .headers
                    .0
                    .push((name.to_owned(), value.as_bytes().to_vec()));
                true
            }
            Self::Text { from, to } => body_text(response, |body| body.replacen(from, to, 1)),
            Self::EveryText { from, to } => body_text(response, |body| body.replace(from, to)),
            Self::WithoutBody => body_text(response, |_| String::new()),
            Self::CutBody => body_text(response, |body| {
                let mut body = body.to_owned();
                body.pop();
                body
            }),
            Self::LongerBody(end) => body_text(response, |body| format!("{body}{end}")),
            Self::ReversedList => body_text(response, reversed_list),
            Self::WithoutCacheEntries => answer
                .cache
                .as_mut()
                .is_some_and(|cache| !std::mem::take(&mut cache.set).is_empty()),
            Self::HigherCounters => higher_counters(answer),
            Self::WithoutInserted(table) => rows(answer, table, |rows| {
                !std::mem::take(&mut rows.inserted).is_empty()
            }),
            Self::InsertedTwice(table) => rows(answer, table, |rows| {
                let last = rows.inserted.last().cloned();
                rows.inserted.extend(last.clone());
                last.is_some()
            }),
            Self::InsertedInReverse(table) => rows(answer, table, |rows| {
                rows.inserted.reverse();
                rows.inserted.len() > 1
            }),
            Self::WithoutUpdated(table) => rows(answer, table, |rows| {
                !std::mem::take(&mut rows.updated).is_empty()
            }),
            Self::WithoutDeleted(table) => rows(answer, table, |rows| {
                !std::mem::take(&mut rows.deleted).is_empty()
            }),
            Self::InsertedColumn {
                table,
                column,
                value,
            } => rows(answer, table, |rows| {
                set_columns(rows.inserted.iter_mut(), column, value)
            }),
            Self::UpdatedColumn {
                table,
                column,
                value,
            } => rows(answer, table, |rows| {
                set_columns(
                    rows.updated.iter_mut().map(|row| &mut row.after),
                    column,
                    value,
                )
            }),
        }
    }
}

fn header_text(response: &mut Response, name: &str, from: &str, to: &str) -> bool {
    let mut found = false;
    for (field, value) in &mut response.headers.0 {
        if field.eq_ignore_ascii_case(name) && value == from.as_bytes() {
            *value = to.as_bytes().to_vec();
            found = true;
        }
    }
    found
}

/// Edits a body of text, and the length that the headers state.
fn body_text(response: &mut Response, edit: impl FnOnce(&str) -> String) -> bool {
    let Ok(body) = std::str::from_utf8(&response.body) else {
        return false;
    };
    let edited = edit(body);
    if edited == body {
        return false;
    }
    for (field, value) in &mut response.headers.0 {
        if field.eq_ignore_ascii_case("content-length") {
            *value = edited.len().to_string().into_bytes();
        }
    }
    response.body = Bytes::from(edited);
    true
}

fn reversed_list(body: &str) -> String {
    match json::parse(body.as_bytes()).map(Value::into_owned) {
        Ok(Value::Array(mut elements)) if elements.len() > 1 => {
            elements.reverse();
            Value::Array(elements).to_text()
        }
        _ => body.to_owned(),
    }
}

fn rows(answer: &mut Answer, table: &str, edit: impl FnOnce(&mut TableEffects) -> bool) -> bool {
    answer
        .observation
        .effects
        .as_mut()
        .and_then(|effects| effects.0.get_mut(table))
        .is_some_and(edit)
}

/// Sets the column of every row and says whether any had another value.
fn set_columns<'r>(
    rows: impl Iterator<Item = &'r mut Value<'static>>,
    column: &str,
    value: &str,
) -> bool {
    let mut found = false;
    for row in rows {
        found |= set_column(row, column, value);
    }
    found
}

fn set_column(row: &mut Value<'static>, column: &str, value: &str) -> bool {
    let Ok(value) = json::parse(value.as_bytes()).map(Value::into_owned) else {
        return false;
    };
    match row {
        Value::Object(members) => {
            members
                .iter_mut()
                .filter(|(name, old)| name.decoded() == column && *old != value)
                .map(|(_, old)| *old = value.clone())
                .count()
                > 0
        }
        _ => false,
    }
}

fn higher_counters(answer: &mut Answer) -> bool {
    let Some(cache) = &mut answer.cache else {
        return false;
    };
    let mut found = false;
    for entry in cache.set.values_mut() {
        if let Value::Number(count) = &entry.value
            && let Ok(count) = count.parse::<i64>()
        {
            entry.value = Value::number(count + 1);
            found = true;
        }
    }
    found
}
