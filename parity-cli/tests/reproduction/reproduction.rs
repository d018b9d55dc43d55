//! Replays what `parity-cli minimize` left of a divergence. Needs `parity-cli` and `tokio`.

#[tokio::test(flavor = "multi_thread")]
async fn v2_score_main_alice() -> Result<(), Box<dyn std::error::Error>> {
    let fixtures = std::path::Path::new("tests/reproduction/fixtures");
    let diverged = parity_cli::reproduce::divergences_of_embedded(fixtures).await?;
    assert!(diverged.is_empty(), "{diverged:#?}");
    Ok(())
}
