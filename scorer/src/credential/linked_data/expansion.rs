//! Expansion: from JSON and its contexts to nodes, values and lists (JSON-LD 1.1 API, section 5).

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::context::{ActiveContext, Term};
use super::iri::{is_absolute, is_keyword};

/// Something with properties.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// An IRI, a blank node, or a relative reference that means nothing.
    pub(super) id: Option<String>,
    pub(super) types: Vec<String>,
    /// Values by the expanded name of their property.
    pub(super) properties: BTreeMap<String, Vec<Item>>,
}

/// One value of a property.
#[derive(Debug)]
pub(super) enum Item {
    Node(Node),
    Value(Value),
    List(Vec<Item>),
}

/// A literal before it is written.
#[derive(Debug)]
pub(super) struct Value {
    /// A truth value, a number or text.
    pub(super) content: Json,
    pub(super) datatype: Option<String>,
    pub(super) language: Option<String>,
}

/// Expands a document, which must be one node.
pub(super) fn expand_document(context: &ActiveContext, document: &Json) -> Option<Node> {
    let Item::Node(node) = expand_object(context, None, document.as_object()?)?.pop()? else {
        return None;
    };
    Some(node)
}

/// The values that `value` gives to a property.
fn expand_value(context: &ActiveContext, property: &str, value: &Json) -> Option<Vec<Item>> {
    match value {
        Json::Null => Some(Vec::new()),
        Json::Object(object) => expand_object(context, Some(property), object),
        Json::Array(values) => {
            let is_list = context.term(property).is_some_and(is_list_container);
            let mut items = Vec::with_capacity(values.len());
            for value in values {
                let inner = expand_value(context, property, value)?;
                if is_list && value.is_array() {
                    items.push(Item::List(inner));
                } else {
                    items.extend(inner);
                }
            }
            Some(items)
        }
        scalar => {
            let scoped = context
                .term(property)
                .and_then(|term| term.context.as_ref());
            match scoped {
                Some(scoped) => {
                    let context = context.scoped_to_property(scoped)?;
                    Some(expand_scalar(&context, property, scalar))
                }
                None => Some(expand_scalar(context, property, scalar)),
            }
        }
    }
}

/// Value expansion (section 5.3).
fn expand_scalar(context: &ActiveContext, property: &str, scalar: &Json) -> Vec<Item> {
    let term = context.term(property);
    let coercion = term.and_then(|term| term.type_.as_deref());
    let reference = match (coercion, scalar) {
        (Some("@id"), Json::String(text)) => context.expand_identifier(text),
        (Some("@vocab"), Json::String(text)) => context.expand_to_vocabulary(text),
        _ => {
            let datatype = coercion
                .filter(|type_| !is_keyword(type_))
                .map(str::to_owned);
            let own_language = term.and_then(|term| term.language.clone());
            let language = own_language
                .unwrap_or_else(|| context.language().map(str::to_owned))
                .filter(|_| scalar.is_string() && datatype.is_none());
            return vec![Item::Value(Value {
                content: scalar.clone(),
                datatype,
                language,
            })];
        }
    };
    let as_node = |id| {
        Item::Node(Node {
            id: Some(id),
            ..Node::default()
        })
    };
    reference.map(as_node).into_iter().collect()
}

/// Expands an object: a node, or a value, list or set written out.
fn expand_object(
    context: &ActiveContext,
    property: Option<&str>,
    object: &Map<String, Json>,
) -> Option<Vec<Item>> {
    let means = |context: &ActiveContext, key: &str, keyword: &str| {
        context.expand_to_vocabulary(key).as_deref() == Some(keyword)
    };
    let has =
        |context: &ActiveContext, keyword| object.keys().any(|key| means(context, key, keyword));
    let scoped = property
        .and_then(|property| context.term(property))
        .and_then(|term| term.context.as_ref());
    // A context brought by the type of the node around this one ends here.
    let is_reference = object.len() == 1 && has(context, "@id");
    let mut active = match context.previous() {
        Some(previous) if !has(context, "@value") && !is_reference => previous.clone(),
        _ => context.clone(),
    };
    if let Some(scoped) = scoped {
        active = active.scoped_to_property(scoped)?;
    }
    if let Some(local) = object.get("@context") {
        active = active.extended(local)?;
    }
    let before_types = active.clone();
    for type_ in sorted_types(&before_types, object) {
        if let Some(scoped) = before_types
            .term(type_)
            .and_then(|term| term.context.as_ref())
        {
            active = active.scoped_to_type(scoped)?;
        }
    }
    let members = || object.iter().filter(|(key, _)| *key != "@context");
    if has(&active, "@value") {
        return expand_value_object(&active, members());
    }
    for keyword in ["@set", "@list"] {
        let Some(value) =
            members().find_map(|(key, value)| means(&active, key, keyword).then_some(value))
        else {
            continue;
        };
        if members().count() != 1 {
            return None;
        }
        let items = expand_value(&active, property?, value)?;
        return Some(if keyword == "@list" {
            vec![Item::List(items)]
        } else {
            items
        });
    }
    let mut node = Node::default();
    for (key, value) in members() {
        add_member(&mut node, &active, &before_types, key, value)?;
    }
    Some(vec![Item::Node(node)])
}

/// The types of a node in the order in which their contexts apply: by key, then by name.
fn sorted_types<'a>(context: &ActiveContext, object: &'a Map<String, Json>) -> Vec<&'a str> {
    let mut keys: Vec<&String> = object
        .keys()
        .filter(|key| context.expand_to_vocabulary(key).as_deref() == Some("@type"))
        .collect();
    keys.sort_unstable();
    keys.into_iter()
        .flat_map(|key| {
            let mut types = texts(&object[key]);
            types.sort_unstable();
            types
        })
        .collect()
}

/// The strings in a string or list.
fn texts(value: &Json) -> Vec<&str> {
    match value {
        Json::Array(values) => values.iter().filter_map(Json::as_str).collect(),
        single => single.as_str().into_iter().collect(),
    }
}

fn add_member(
    node: &mut Node,
    active: &ActiveContext,
    before_types: &ActiveContext,
    key: &str,
    value: &Json,
) -> Option<()> {
    let Some(name) = active.expand_to_vocabulary(key) else {
        // Known to mean nothing.
        return Some(());
    };
    match name.as_str() {
        "@id" => {
            if node.id.is_some() {
                return None;
            }
            node.id = active.expand_identifier(value.as_str()?);
        }
        "@type" => {
            let is_well_formed = match value {
                Json::Array(values) => values.iter().all(Json::is_string),
                single => single.is_string(),
            };
            if !is_well_formed {
                return None;
            }
            let expanded = texts(value).into_iter();
            let known = node.types.len();
            node.types
                .extend(expanded.filter_map(|type_| before_types.expand_to_vocabulary(type_)));
            if node.types[known..].iter().any(|type_| is_keyword(type_)) {
                return None;
            }
        }
        // As in the library, these mean nothing outside of contexts and values, whatever they hold.
        "@base" | "@container" | "@direction" | "@import" | "@json" | "@language" | "@none"
        | "@prefix" | "@propagate" | "@protected" | "@version" | "@vocab" => {}
        "@index" if value.is_string() => {}
        _ if is_keyword(&name) || !name.contains(':') => return None,
        _ => {
            let term = active.term(key);
            let containers = term.map(|term| &term.containers);
            let is_understood = |container: &String| matches!(container.as_str(), "@set" | "@list");
            let is_json = term.is_some_and(|term| term.type_.as_deref() == Some("@json"));
            if is_json || !containers.is_none_or(|containers| containers.iter().all(is_understood))
            {
                return None;
            }
            let mut items = expand_value(active, key, value)?;
            let is_list_already = !value.is_array() && matches!(items.as_slice(), [Item::List(_)]);
            // As in the library, null is an empty list there.
            if term.is_some_and(is_list_container) && !is_list_already {
                items = vec![Item::List(items)];
            }
            node.properties.entry(name).or_default().extend(items);
        }
    }
    Some(())
}

fn is_list_container(term: &Term) -> bool {
    term.containers.contains("@list")
}

/// `{"@value": …}` with a type or a language.
fn expand_value_object<'a>(
    context: &ActiveContext,
    members: impl Iterator<Item = (&'a String, &'a Json)>,
) -> Option<Vec<Item>> {
    let mut content = None;
    let mut datatype = None;
    let mut language = None;
    for (key, value) in members {
        match context.expand_to_vocabulary(key).as_deref() {
            Some("@value") => content = Some(value),
            Some("@type") => {
                datatype = Some(
                    context
                        .expand_to_vocabulary(value.as_str()?)
                        .filter(|type_| is_absolute(type_))?,
                );
            }
            Some("@language") => language = Some(value.as_str()?.to_owned()),
            _ => return None,
        }
    }
    let content = content?;
    if (datatype.is_some() && language.is_some()) || (language.is_some() && !content.is_string()) {
        return None;
    }
    match content {
        Json::Null => Some(Vec::new()),
        Json::Array(_) | Json::Object(_) => None,
        scalar => Some(vec![Item::Value(Value {
            content: scalar.clone(),
            datatype,
            language,
        })]),
    }
}
