//! Who may know whom: the rules of `docs/architecture.md`, held against the manifests and the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
        .to_path_buf()
}

/// Names in one dependency table of a crate's manifest.
fn dependencies(krate: &str, table: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(krate).join("Cargo.toml")).expect("manifest");
    let manifest: toml::Table = manifest.parse().expect("valid TOML");
    manifest
        .get(table)
        .and_then(|dependencies| dependencies.as_table())
        .map(|dependencies| dependencies.keys().cloned().collect())
        .unwrap_or_default()
}

/// Every Rust source below a folder, with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("readable folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("UTF-8 source");
                found.push((path, text));
            }
        }
    }
    found
}

/// Lines of code in the file that name one of the words; comments do not count.
fn mentions(text: &str, words: &[&str]) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn arrows_between_crates_point_one_way() {
    let crates = ["parity", "scorer", "shadow-proxy", "parity-cli"];
    let allowed: [(&str, &[&str]); 4] = [
        ("parity", &[]),
        ("scorer", &[]),
        ("shadow-proxy", &["parity", "scorer"]),
        ("parity-cli", &["parity", "scorer", "shadow-proxy"]),
    ];
    for (krate, may_know) in allowed {
        let known: Vec<_> = dependencies(krate, "dependencies")
            .into_iter()
            .filter(|name| crates.contains(&name.as_str()) && !may_know.contains(&name.as_str()))
            .collect();
        assert!(known.is_empty(), "{krate} must not know {known:?}");
    }
}

/// A dependency that no source names is built for nobody. The two that are pinned for another one
/// are named where they are declared.
#[test]
fn no_dependency_is_declared_in_vain() {
    let pinned = ["virtual-mio", "virtual-net"];
    for krate in ["parity", "scorer", "shadow-proxy", "parity-cli"] {
        let sources: String = sources(&root().join(krate))
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        let unused: Vec<_> = ["dependencies", "dev-dependencies"]
            .iter()
            .flat_map(|table| dependencies(krate, table))
            .filter(|name| !pinned.contains(&name.as_str()))
            .filter(|name| {
                let name = name.replace('-', "_");
                !["::", ";", " as "]
                    .iter()
                    .any(|after| sources.contains(&format!("{name}{after}")))
            })
            .collect();
        assert!(unused.is_empty(), "{krate} never uses {unused:?}");
    }
}

/// The libraries that the tools are to be made with, each used where it serves.
#[test]
fn the_agreed_libraries_are_used() {
    let agreed = [
        "hyper",
        "hyper_util",
        "tokio",
        "reqwest",
        "sqlx",
        "serde_json",
        "json_patch",
        "similar",
        "clap",
        "rust_decimal",
        "jsonwebtoken",
        "prometheus",
    ];
    let code: String = ["parity", "scorer", "shadow-proxy", "parity-cli"]
        .iter()
        .flat_map(|krate| sources(&root().join(krate).join("src")))
        .map(|(_, text)| text)
        .collect();
    for library in agreed {
        assert!(
            code.contains(&format!("{library}::")),
            "no code uses {library}"
        );
    }
}

#[test]
fn parity_has_no_sockets_and_no_database_driver() {
    let banned = [
        "hyper",
        "hyper-util",
        "reqwest",
        "sqlx",
        "tokio",
        "redis",
        "axum",
    ];
    let found: Vec<_> = dependencies("parity", "dependencies")
        .into_iter()
        .filter(|name| banned.contains(&name.as_str()))
        .collect();
    assert!(found.is_empty(), "parity is pure, yet depends on {found:?}");
    for (path, text) in sources(&root().join("parity/src")) {
        let found = mentions(&text, &["std::net::"]);
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

#[test]
fn the_scoring_domain_is_pure() {
    let banned = [
        "sqlx",
        "async fn",
        ".await",
        "Utc::now",
        "SystemTime",
        "Instant::now",
        "std::env",
        "redis",
    ];
    for (path, text) in sources(&root().join("scorer/src/domain")) {
        let found = mentions(&text, &banned);
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

#[test]
fn sql_stays_in_the_store() {
    let homes = ["store", "embedded"];
    for (path, text) in sources(&root().join("scorer/src")) {
        let relative = path
            .strip_prefix(root().join("scorer/src"))
            .expect("below src");
        let home = relative
            .iter()
            .next()
            .map(|part| part.to_string_lossy().into_owned());
        if home.is_some_and(|home| {
            homes
                .iter()
                .any(|allowed| home.trim_end_matches(".rs") == *allowed)
        }) {
            continue;
        }
        let found = mentions(
            &text,
            &["sqlx::query", "SELECT ", "INSERT INTO", "DELETE FROM"],
        );
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

#[test]
fn no_file_outgrows_its_reason() {
    let limit = 650;
    for krate in ["parity", "scorer", "shadow-proxy", "parity-cli"] {
        for folder in ["src", "tests", "benches"] {
            let folder = root().join(krate).join(folder);
            if !folder.is_dir() {
                continue;
            }
            for (path, text) in sources(&folder) {
                let lines = text.lines().count();
                assert!(
                    lines <= limit,
                    "{} has {lines} lines: split it by reason",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn modules_are_a_file_and_a_folder() {
    for krate in ["parity", "scorer", "shadow-proxy", "parity-cli"] {
        for (path, _) in sources(&root().join(krate).join("src")) {
            assert!(
                !path.ends_with("mod.rs"),
                "{}: name the file after the module",
                path.display()
            );
        }
    }
}
