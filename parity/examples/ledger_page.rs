//! Writes `docs/known-differences.md` from the ledger of the Passport scorer.

use std::path::Path;

use parity::ledger::Ledger;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let ledger = Ledger::read(&root.join("fixtures/passport/ledger.toml"))?;
    std::fs::write(root.join("docs/known-differences.md"), ledger.to_markdown())?;
    Ok(())
}
