//! The difference between two bodies as a JSON Patch (RFC 6902), for machines.

/// Operations that turn the reference's body into the candidate's. `None` when one of them is not
/// JSON. Numbers are read as doubles here; the divergences themselves are exact.
pub fn json_patch(reference: &[u8], candidate: &[u8]) -> Option<json_patch::Patch> {
    let reference = serde_json::from_slice(reference).ok()?;
    let candidate = serde_json::from_slice(candidate).ok()?;
    Some(json_patch::diff(&reference, &candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_leads_from_reference_to_candidate() {
        let patch = json_patch(br#"{"a": 1, "b": 2}"#, br#"{"a": 3}"#).expect("both are JSON");
        let text = serde_json::to_string(&patch).expect("serialises");
        assert_eq!(
            text,
            r#"[{"op":"replace","path":"/a","value":3},{"op":"remove","path":"/b"}]"#
        );
        assert!(json_patch(b"<html>", b"{}").is_none());
    }
}
