//! Statements: what the nodes of a document say, one triple at a time, and how N-Quads write it.

use std::collections::HashMap;
use std::fmt;

use serde_json::{Number, Value as Json};

use super::expansion::{Item, Node, Value};
use super::iri::{is_absolute, is_blank};

pub(in super::super) const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
const FIRST: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#first";
const REST: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#rest";
const NIL: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#nil";
const LANGUAGE_STRING: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString";
const STRING: &str = "http://www.w3.org/2001/XMLSchema#string";
const BOOLEAN: &str = "http://www.w3.org/2001/XMLSchema#boolean";
const INTEGER: &str = "http://www.w3.org/2001/XMLSchema#integer";
const DOUBLE: &str = "http://www.w3.org/2001/XMLSchema#double";

/// One triple.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Statement {
    pub(in super::super) subject: Subject,
    pub(in super::super) predicate: String,
    pub(in super::super) object: Object,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Subject {
    Iri(String),
    Blank(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Object {
    Iri(String),
    Blank(usize),
    Literal(Literal),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Literal {
    pub(in super::super) text: String,
    pub(in super::super) datatype: String,
    language: Option<String>,
}

/// All statements of a node and of those inside it. What has no absolute IRI says nothing.
pub(super) fn statements(node: &Node) -> Vec<Statement> {
    let mut writer = Writer::default();
    writer.write_node(node);
    writer.statements
}

#[derive(Default)]
struct Writer {
    statements: Vec<Statement>,
    /// Numbers of the blank nodes that the document gave a name.
    named_blanks: HashMap<String, usize>,
    blanks: usize,
}

impl Writer {
    /// Writes what a node says and returns it as the object of others.
    fn write_node(&mut self, node: &Node) -> Option<Object> {
        let subject = match &node.id {
            None => Some(Subject::Blank(self.fresh_blank())),
            Some(id) if is_blank(id) => Some(Subject::Blank(self.named_blank(id))),
            Some(id) => is_absolute(id).then(|| Subject::Iri(id.clone())),
        };
        for type_ in &node.types {
            if let Some(object) = self.reference(type_) {
                self.say(subject.as_ref(), TYPE, Some(object));
            }
        }
        for (property, items) in &node.properties {
            for item in items {
                let object = self.write_item(item);
                if is_absolute(property) {
                    self.say(subject.as_ref(), property, object);
                }
            }
        }
        subject.map(|subject| match subject {
            Subject::Iri(iri) => Object::Iri(iri),
            Subject::Blank(blank) => Object::Blank(blank),
        })
    }

    fn write_item(&mut self, item: &Item) -> Option<Object> {
        match item {
            Item::Node(node) => self.write_node(node),
            Item::Value(value) => literal(value).map(Object::Literal),
            Item::List(items) => {
                let mut rest = Object::Iri(NIL.to_owned());
                for item in items.iter().rev() {
                    let link = self.fresh_blank();
                    let first = self.write_item(item);
                    let subject = Subject::Blank(link);
                    self.say(Some(&subject), FIRST, first);
                    self.say(Some(&subject), REST, Some(rest));
                    rest = Object::Blank(link);
                }
                Some(rest)
            }
        }
    }

    fn reference(&mut self, id: &str) -> Option<Object> {
        if is_blank(id) {
            Some(Object::Blank(self.named_blank(id)))
        } else {
            is_absolute(id).then(|| Object::Iri(id.to_owned()))
        }
    }

    fn say(&mut self, subject: Option<&Subject>, predicate: &str, object: Option<Object>) {
        if let (Some(subject), Some(object)) = (subject, object) {
            self.statements.push(Statement {
                subject: subject.clone(),
                predicate: predicate.to_owned(),
                object,
            });
        }
    }

    fn fresh_blank(&mut self) -> usize {
        self.blanks += 1;
        self.blanks
    }

    fn named_blank(&mut self, name: &str) -> usize {
        if let Some(blank) = self.named_blanks.get(name) {
            return *blank;
        }
        let blank = self.fresh_blank();
        self.named_blanks.insert(name.to_owned(), blank);
        blank
    }
}

fn literal(value: &Value) -> Option<Literal> {
    let datatype = value.datatype.as_deref();
    let (text, natural) = match &value.content {
        Json::Bool(truth) => (truth.to_string(), BOOLEAN),
        Json::Number(number) => number_text(number, datatype)?,
        Json::String(text) if value.language.is_some() => (text.clone(), LANGUAGE_STRING),
        Json::String(text) => (text.clone(), STRING),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    Some(Literal {
        text,
        datatype: datatype.unwrap_or(natural).to_owned(),
        language: value.language.clone(),
    })
}

/// The canonical text of a number and the type that it has by itself. As in the library, numbers are
/// doubles, and integers those whose shortest decimal text is a 64-bit integer.
fn number_text(number: &Number, datatype: Option<&str>) -> Option<(String, &'static str)> {
    // Adding zero takes the sign from a negative zero.
    let float = number.as_f64()? + 0.0;
    let plain = float.to_string();
    if datatype != Some(DOUBLE) && plain.parse::<i64>().is_ok() {
        return Some((plain, INTEGER));
    }
    // `1.5E0`: the shortest digits, at least one after the point, an exponent.
    let text = format!("{float:E}");
    let (mantissa, exponent) = text.split_once('E')?;
    let fraction = if mantissa.contains('.') { "" } else { ".0" };
    Some((format!("{mantissa}{fraction}E{exponent}"), DOUBLE))
}

/// A literal as N-Quads write it.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for letter in self.text.chars() {
            match letter {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")?;
        match &self.language {
            Some(language) => write!(f, "@{language}"),
            None if self.datatype == STRING => Ok(()),
            None => write!(f, "^^<{}>", self.datatype),
        }
    }
}
