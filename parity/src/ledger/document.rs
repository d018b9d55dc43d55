//! The ledger as a page for people.

use std::fmt::Write as _;

use super::{Direction, Ledger};

impl Ledger {
    /// Markdown page: accepted divergences, then reproduced mistakes.
    pub fn to_markdown(&self) -> String {
        let mut page = String::from(
            "# Known differences and reproduced mistakes\n\n\
             Written from `fixtures/passport/ledger.toml` by `cargo run -p parity --example ledger_page`; \
             edit that file, not this page.\n\n\
             ## Accepted divergences\n\n\
             The candidate answers differently from the Python service, on purpose. Each entry expires, and one that \
             no longer occurs is reported for deletion.\n",
        );
        for entry in self.entries() {
            let direction = match entry.direction {
                Direction::ReferenceWrong => "the reference is wrong",
                Direction::CandidateWrong => "the candidate is wrong",
                Direction::Equal => "both are as good",
            };
            let _ = write!(
                page,
                "\n### {}\n\n{}\n\nOn {}, at {}; {direction}. Ticket {}, owner {}, expires {}. Shown by `{}`.\n",
                entry.id,
                entry.reason.trim(),
                code_list(&entry.routes),
                code_list(&entry.paths),
                entry.ticket,
                entry.owner,
                entry.expires,
                entry.fixture,
            );
        }
        page.push_str(
            "\n## Mistakes reproduced on purpose\n\n\
             The Python service does this, and so does the candidate, so that a cutover changes nothing. A divergence \
             here is a fault of the candidate.\n\n\
             | mistake | routes | what happens | one would expect | stated in | recorded in |\n\
             |---|---|---|---|---|---|\n",
        );
        for mistake in self.reproduced() {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} |",
                mistake.id,
                code_list(&mistake.routes),
                cell(&mistake.behaviour),
                cell(&mistake.expected),
                mistake.stated_in,
                mistake
                    .fixture
                    .as_ref()
                    .map(|name| format!("`{name}`"))
                    .unwrap_or_default(),
            );
        }
        page
    }
}

fn code_list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn cell(text: &str) -> String {
    text.trim().replace('\n', " ").replace('|', "\\|")
}
