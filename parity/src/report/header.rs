//! What a file says of itself before the rest of it is read.

use serde::Deserialize;

use super::ReportError;
use crate::fixture::Version;

#[derive(Deserialize)]
pub(super) struct Header {
    format: String,
    version: Version,
}

impl Header {
    /// Checks that a text is of this format, in a version that is readable by a build which writes
    /// this one.
    pub(super) fn check(
        text: &str,
        format: &'static str,
        version: Version,
    ) -> Result<(), ReportError> {
        let header: Header = serde_json::from_str(text)?;
        if header.format != format {
            return Err(ReportError::Format {
                found: header.format,
                expected: format,
            });
        }
        header
            .version
            .check_readable_by(version)
            .map_err(|found| ReportError::Version { found, version })
    }
}
