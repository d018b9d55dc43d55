//! Contexts: what the terms of a document mean at one place in it (JSON-LD 1.1 API, section 4).

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::bundled;
use super::iri::{
    ends_like_prefix, is_absolute, is_blank, is_keyword, looks_like_keyword, split_compact,
};

/// What terms mean at one place.
#[derive(Debug, Clone, Default)]
pub(super) struct ActiveContext {
    /// A term may be known to mean nothing.
    terms: HashMap<String, Rc<Term>>,
    vocabulary: Option<String>,
    language: Option<String>,
    /// The context to return to in nested nodes, while one that does not propagate is in force.
    previous: Option<Rc<ActiveContext>>,
}

/// The meaning of one term.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    /// A keyword, an IRI or a blank node; `None` for a term that means nothing.
    pub(super) iri: Option<String>,
    /// `@id`, `@vocab`, `@none`, `@json` or the IRI of a datatype.
    pub(super) type_: Option<String>,
    pub(super) containers: BTreeSet<String>,
    /// The context in force inside the values of the term, or inside nodes of this type.
    pub(super) context: Option<Json>,
    /// `Some(None)`: no language, whatever the default is.
    pub(super) language: Option<Option<String>>,
    is_prefix: bool,
    is_protected: bool,
}

/// Members of an expanded term definition that are understood here.
const UNDERSTOOD: [&str; 7] = [
    "@id",
    "@type",
    "@container",
    "@context",
    "@language",
    "@prefix",
    "@protected",
];

/// A context that is being read, and which of its terms are defined already (`true`) or are being
/// defined just now (`false`).
struct Reading<'a> {
    source: &'a Map<String, Json>,
    progress: HashMap<String, bool>,
    /// How many definitions wait for this one.
    depth: usize,
    is_protected: bool,
    manner: Manner,
}

/// How a context is to be read.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// Whether it may redefine protected terms.
    may_override: bool,
    /// Whether it goes on in nested nodes, unless it says itself.
    propagates: bool,
    /// Whether it is one of this project's files, and hence known to be well formed.
    is_bundled: bool,
}

const OF_DOCUMENT: Manner = Manner {
    may_override: false,
    propagates: true,
    is_bundled: false,
};

/// Terms that are defined by others, which are defined by others, and so on, further than this are
/// not read.
const MAX_DEPTH: usize = 64;

impl ActiveContext {
    pub(super) fn term(&self, name: &str) -> Option<&Term> {
        self.terms.get(name).map(Rc::as_ref)
    }

    pub(super) fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// The context to go on with in a nested node.
    pub(super) fn previous(&self) -> Option<&ActiveContext> {
        self.previous.as_deref()
    }

    /// With a context found in the document.
    pub(super) fn extended(&self, local: &Json) -> Option<Self> {
        self.processed(local, OF_DOCUMENT)
    }

    /// With the context of a property, which may redefine protected terms.
    pub(super) fn scoped_to_property(&self, local: &Json) -> Option<Self> {
        let manner = Manner {
            may_override: true,
            ..OF_DOCUMENT
        };
        self.processed(local, manner)
    }

    /// With the context of a type, which ends where a nested node begins.
    pub(super) fn scoped_to_type(&self, local: &Json) -> Option<Self> {
        let manner = Manner {
            propagates: false,
            ..OF_DOCUMENT
        };
        self.processed(local, manner)
    }

    fn processed(&self, local: &Json, manner: Manner) -> Option<Self> {
        let propagates = match local.get("@propagate") {
            Some(value) => value.as_bool()?,
            None => manner.propagates,
        };
        let mut result = self.clone();
        if !propagates && result.previous.is_none() {
            result.previous = Some(Rc::new(self.clone()));
        }
        let contexts = match local {
            Json::Array(contexts) => contexts.as_slice(),
            single => std::slice::from_ref(single),
        };
        for context in contexts {
            match context {
                Json::Null => {
                    if !manner.may_override && result.terms.values().any(|term| term.is_protected) {
                        return None;
                    }
                    let previous = (!propagates).then(|| Rc::new(result.clone()));
                    result = Self {
                        previous,
                        ..Self::default()
                    };
                }
                Json::String(url) => {
                    let manner = Manner {
                        is_bundled: true,
                        ..OF_DOCUMENT
                    };
                    result = result.processed(bundled::context(url)?, manner)?;
                }
                Json::Object(source) => result.read(source, manner)?,
                _ => return None,
            }
        }
        Some(result)
    }

    fn read(&mut self, source: &Map<String, Json>, manner: Manner) -> Option<()> {
        if ["@import", "@base", "@direction"]
            .iter()
            .any(|keyword| source.contains_key(*keyword))
        {
            return None;
        }
        if source
            .get("@version")
            .is_some_and(|version| version.as_f64() != Some(1.1))
        {
            return None;
        }
        match source.get("@vocab") {
            None => {}
            Some(Json::Null) => self.vocabulary = None,
            Some(Json::String(text)) => {
                let vocabulary = self.expand_to_vocabulary(text)?;
                if !is_absolute(&vocabulary) && !is_blank(&vocabulary) {
                    return None;
                }
                self.vocabulary = Some(vocabulary);
            }
            Some(_) => return None,
        }
        match source.get("@language") {
            None => {}
            Some(Json::Null) => self.language = None,
            Some(language) => self.language = Some(language.as_str()?.to_owned()),
        }
        let is_protected = match source.get("@protected") {
            None => false,
            Some(value) => value.as_bool()?,
        };
        let mut reading = Reading {
            source,
            progress: HashMap::new(),
            depth: 0,
            is_protected,
            manner,
        };
        for name in source.keys() {
            if !matches!(
                name.as_str(),
                "@version" | "@vocab" | "@language" | "@protected" | "@propagate"
            ) {
                self.define(&mut reading, name)?;
            }
        }
        Some(())
    }

    fn define(&mut self, reading: &mut Reading<'_>, name: &str) -> Option<()> {
        if reading.depth >= MAX_DEPTH {
            return None;
        }
        reading.depth += 1;
        self.create_definition(reading, name)?;
        reading.depth -= 1;
        Some(())
    }

    /// Creates the definition of one term (section 4.2).
    fn create_definition(&mut self, reading: &mut Reading<'_>, name: &str) -> Option<()> {
        match reading.progress.get(name) {
            Some(true) => return Some(()),
            // The term is defined by itself.
            Some(false) => return None,
            None => {}
        }
        if name.is_empty() {
            return None;
        }
        let source = reading.source;
        let nothing = Map::new();
        let (definition, simple) = match source.get(name)? {
            Json::Null => (&nothing, Some(&Json::Null)),
            Json::String(_) if name == "@type" => return None,
            id @ Json::String(_) => (&nothing, Some(id)),
            Json::Object(definition) => (definition, None),
            _ => return None,
        };
        // As in the library a keyword may be defined, which never changes what it means.
        if looks_like_keyword(name) && !is_keyword(name) {
            return Some(());
        }
        reading.progress.insert(name.to_owned(), false);
        let before = self.terms.remove(name);
        if !has_understood_members(definition) {
            return None;
        }
        let type_ = match definition.get("@type") {
            None => None,
            Some(type_) => Some(self.type_mapping(reading, type_.as_str()?)?),
        };
        let id = simple.or_else(|| definition.get("@id"));
        let iri = match id {
            Some(Json::String(id)) if id != name => {
                if !is_keyword(id) && looks_like_keyword(id) {
                    reading.progress.insert(name.to_owned(), true);
                    return Some(());
                }
                Some(self.iri_mapping(reading, name, id)?)
            }
            Some(Json::Null) => None,
            None | Some(Json::String(_)) => Some(self.implied_iri(reading, name)?),
            Some(_) => return None,
        };
        let is_simple = simple.is_some();
        let has_own_prefix_rule = definition.get("@prefix");
        let is_prefix = match has_own_prefix_rule {
            Some(value) => value.as_bool()?,
            None => {
                is_simple
                    && !name.contains([':', '/'])
                    && iri.as_deref().is_some_and(ends_like_prefix)
            }
        };
        let language = match definition.get("@language") {
            None => None,
            Some(Json::Null) => Some(None),
            Some(language) => Some(Some(language.as_str()?.to_owned())),
        };
        let is_protected = match definition.get("@protected") {
            Some(value) => value.as_bool()?,
            None => reading.is_protected,
        };
        let context = definition.get("@context");
        if let Some(context) = context
            && !reading.manner.is_bundled
        {
            self.scoped_to_property(context)?;
        }
        let term = Term {
            iri,
            language: language.filter(|_| type_.is_none()),
            type_,
            containers: containers(definition.get("@container"))?,
            context: context.cloned(),
            is_prefix,
            is_protected,
        };
        let term = match before {
            Some(before) if before.is_protected && !reading.manner.may_override => {
                let same = Term {
                    is_protected: true,
                    ..term
                };
                if same != *before {
                    return None;
                }
                before
            }
            _ => Rc::new(term),
        };
        self.terms.insert(name.to_owned(), term);
        reading.progress.insert(name.to_owned(), true);
        Some(())
    }

    fn type_mapping(&mut self, reading: &mut Reading<'_>, type_: &str) -> Option<String> {
        let type_ = self.expand_while_reading(reading, type_)?;
        let is_known =
            matches!(type_.as_str(), "@id" | "@vocab" | "@none" | "@json") || is_absolute(&type_);
        is_known.then_some(type_)
    }

    fn iri_mapping(&mut self, reading: &mut Reading<'_>, name: &str, id: &str) -> Option<String> {
        let iri = self.expand_while_reading(reading, id)?;
        let is_meaning =
            is_absolute(&iri) || is_blank(&iri) || (is_keyword(&iri) && iri != "@context");
        if !is_meaning {
            return None;
        }
        let inner = name.get(1..).unwrap_or_default();
        if inner.strip_suffix(':').unwrap_or(inner).contains(':') || name.contains('/') {
            // A name that is itself a compact IRI must not be given another meaning.
            reading.progress.insert(name.to_owned(), true);
            if self.expand_while_reading(reading, name)? != iri {
                return None;
            }
        }
        Some(iri)
    }

    /// The meaning of a term that does not say what it means: its name must.
    fn implied_iri(&mut self, reading: &mut Reading<'_>, name: &str) -> Option<String> {
        if let Some((prefix, suffix)) = split_compact(name) {
            if reading.source.contains_key(prefix) {
                self.define(reading, prefix)?;
            }
            return match self.term(prefix) {
                Some(term) => Some(format!("{}{suffix}", term.iri.as_ref()?)),
                None => Some(name.to_owned()),
            };
        }
        if is_keyword(name) {
            return Some(name.to_owned());
        }
        let vocabulary = self.vocabulary.as_ref()?;
        Some(format!("{vocabulary}{name}"))
    }

    fn expand_while_reading(&mut self, reading: &mut Reading<'_>, text: &str) -> Option<String> {
        let is_undefined = |reading: &Reading<'_>, name: &str| {
            reading.source.contains_key(name) && reading.progress.get(name) != Some(&true)
        };
        if !is_keyword(text) && !looks_like_keyword(text) {
            if is_undefined(reading, text) {
                self.define(reading, text)?;
            }
            if let Some((prefix, suffix)) = split_compact(text)
                && prefix != "_"
                && !suffix.starts_with("//")
                && is_undefined(reading, prefix)
            {
                self.define(reading, prefix)?;
            }
        }
        self.expand_to_vocabulary(text)
    }

    /// The meaning of a property or type: a keyword, an IRI or a blank node, or the text itself where
    /// nothing gives it one; `None` for what is known to mean nothing.
    pub(super) fn expand_to_vocabulary(&self, text: &str) -> Option<String> {
        self.expand(text, true)
    }

    /// The identifier meant by a value: an IRI or a blank node, or the text itself.
    pub(super) fn expand_identifier(&self, text: &str) -> Option<String> {
        self.expand(text, false)
    }

    /// IRI expansion (section 5.2). Documents have no address, so relative references stay as they
    /// are.
    fn expand(&self, text: &str, is_vocabulary: bool) -> Option<String> {
        if is_keyword(text) {
            return Some(text.to_owned());
        }
        if looks_like_keyword(text) {
            return None;
        }
        if let Some(term) = self.term(text) {
            let is_alias = term.iri.as_deref().is_some_and(is_keyword);
            if is_vocabulary || is_alias {
                return term.iri.clone();
            }
        }
        if let Some((prefix, suffix)) = split_compact(text) {
            if prefix == "_" || suffix.starts_with("//") {
                return Some(text.to_owned());
            }
            if let Some(term) = self.term(prefix).filter(|term| term.is_prefix)
                && let Some(iri) = &term.iri
            {
                return Some(format!("{iri}{suffix}"));
            }
            if is_absolute(text) {
                return Some(text.to_owned());
            }
        }
        match &self.vocabulary {
            Some(vocabulary) if is_vocabulary => Some(format!("{vocabulary}{text}")),
            _ => Some(text.to_owned()),
        }
    }
}

fn has_understood_members(definition: &Map<String, Json>) -> bool {
    definition
        .keys()
        .all(|member| UNDERSTOOD.contains(&member.as_str()))
}

fn containers(value: Option<&Json>) -> Option<BTreeSet<String>> {
    match value {
        None | Some(Json::Null) => Some(BTreeSet::new()),
        Some(Json::String(container)) => Some(BTreeSet::from([container.clone()])),
        Some(Json::Array(containers)) => containers
            .iter()
            .map(|container| container.as_str().map(str::to_owned))
            .collect(),
        Some(_) => None,
    }
}
