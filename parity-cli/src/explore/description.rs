//! Which operations there are, from an OpenAPI document.

use parity::exchange::Request;
use rand::{RngExt as _, rngs::StdRng};
use serde_json::Value;

use super::values::Values;

/// Operations of a route description.
#[derive(Debug, Clone, Default)]
pub struct Description {
    pub operations: Vec<Operation>,
}

/// One method on one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// As in OpenAPI, lower case.
    pub method: String,
    /// `/v2/stamps/{scorer_id}/score/{address}`
    pub path: String,
    /// Names of query parameters.
    pub parameters: Vec<String>,
}

/// Why a document is no route description.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    #[error("the route description is no JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("the route description has no `paths`: expected an OpenAPI document")]
    NoPaths,
}

impl Description {
    /// Reads an OpenAPI document.
    ///
    /// # Errors
    /// It is no JSON, or has no paths.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];
        let document: Value = serde_json::from_str(text)?;
        let paths = document.get("paths").and_then(Value::as_object);
        let paths = paths.ok_or(DescriptionError::NoPaths)?;
        let mut operations = Vec::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if !METHODS.contains(&method.as_str()) {
                    continue;
                }
                let parameters = operation
                    .get("parameters")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter(|parameter| parameter["in"] == "query")
                    .filter_map(|parameter| parameter["name"].as_str().map(ToOwned::to_owned))
                    .collect();
                operations.push(Operation {
                    method: method.clone(),
                    path: path.clone(),
                    parameters,
                });
            }
        }
        Ok(Self { operations })
    }
}

impl Operation {
    /// Whether this operation would be asked by the request.
    pub(super) fn answers(&self, request: &Request) -> bool {
        let path = request.target.split('?').next().unwrap_or_default();
        request.method.eq_ignore_ascii_case(&self.method)
            && path.split('/').count() == self.path.split('/').count()
            && path
                .split('/')
                .zip(self.path.split('/'))
                .all(|(found, wanted)| wanted.starts_with('{') || found == wanted)
    }

    /// A target with made-up values for every path parameter and some query parameters.
    pub(super) fn target(&self, values: &Values, random: &mut StdRng) -> String {
        let segments: Vec<String> = self
            .path
            .split('/')
            .map(|segment| {
                if segment.starts_with('{') {
                    values.segment(random)
                } else {
                    segment.to_owned()
                }
            })
            .collect();
        let mut pairs = Vec::new();
        for name in &self.parameters {
            if random.random_bool(0.6) {
                pairs.push(format!("{name}={}", values.parameter(random)));
            }
        }
        let query = if pairs.is_empty() {
            String::new()
        } else {
            format!("?{}", pairs.join("&"))
        };
        format!("{}{query}", segments.join("/"))
    }
}
