//! JSON-LD: from a JSON document to the one text that stands for the statements in it.
//!
//! Expansion by JSON-LD 1.1, statements by its RDF rules, canonical form by URDNA2015; written for
//! what credentials use. Contexts come from the few bundled ones or from the document itself, never
//! from the network. As in the verifying library a term that no context defines is an error
//! (domain B.4.2).
//!
//! Not implemented, and therefore an error that makes a proof fail: named graphs (`@graph`,
//! `@included`), `@reverse`, `@nest`, `@import`, `@base`, `@direction`, `@json` values, and containers
//! other than `@set` and `@list`; further, blank nodes so alike that telling them apart would take
//! more than a bounded amount of work.

mod bundled;
mod canonical;
mod context;
mod expansion;
mod iri;
mod rdf;

use serde_json::Value as Json;

use self::context::ActiveContext;
pub(super) use self::rdf::{Literal, Object, Statement, TYPE as RDF_TYPE};

/// The statements in a document, in the order in which they were found. Terms are looked up in
/// `outer_context` before any context of the document itself.
pub(super) fn statements(document: &Json, outer_context: Option<&Json>) -> Option<Vec<Statement>> {
    let mut context = ActiveContext::default();
    if let Some(outer) = outer_context {
        context = context.extended(outer)?;
    }
    let node = expansion::expand_document(&context, document)?;
    Some(rdf::statements(&node))
}

/// The canonical N-Quads of statements.
pub(super) fn canonical_text(statements: Vec<Statement>) -> Option<String> {
    canonical::canonicalise(statements)
}
