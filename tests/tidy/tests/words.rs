//! Rules about the text of the repository.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path};

use voxlink_tidy::{files, root};

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn sql_lives_in_stores() {
    for path in files(&["rs"]).unwrap() {
        let text = path.to_str().unwrap();
        let is_store =
            text.contains("/store") || text.contains("/tests/") || text.starts_with("shared/service-kit/");
        if !text.starts_with("services/") || is_store {
            continue;
        }
        for verb in ["\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM "] {
            assert!(
                !read(&path).contains(verb),
                "{text} holds SQL ({verb}…): put it behind a verb of the store"
            );
        }
    }
}

/// style.md: past 800 lines a file is two files, or its first paragraph says why not.
#[test]
fn files_stay_readable() {
    for path in files(&["rs", "ts", "svelte", "mjs"]).unwrap() {
        let text = read(&path);
        let lines = text.lines().count();
        let excused = text.lines().take(12).any(|line| line.contains("Long because"));
        assert!(
            lines <= 800 || excused,
            "{} has {lines} lines: split it, or say \"Long because …\" at its top",
            path.display()
        );
    }
}

/// Where a syscall or FFI is worth unsafe code. Each such module has a safety comment per block.
const UNSAFE: &[&str] = &[
    "services/media/src/udp/sys/",
    "services/recording/src/finish/nice.rs",
    "server/src/descriptors.rs",
    "server/src/doctor/system.rs",
];

#[test]
fn unsafe_code_is_only_where_the_list_says() {
    for path in files(&["rs"]).unwrap() {
        let name = path.to_str().unwrap();
        let text = read(&path);
        let allows = text.contains("allow(unsafe_code") || text.contains("expect(unsafe_code");
        let listed = UNSAFE.iter().any(|prefix| name.starts_with(prefix))
            || name.starts_with("tests/")
            || name.starts_with("benches/")
            || name.contains("/tests/");
        assert!(!allows || listed, "{name} allows unsafe code: tests/tidy lists where that may be");
    }
}

#[test]
fn no_path_of_anyones_machine_is_written_down() {
    let home = ["/ro", "ot/"].concat();
    let work = ["/wo", "rk/"].concat();
    for path in
        files(&["rs", "ts", "svelte", "mjs", "md", "toml", "json", "sh", "yml", "css", "html"]).unwrap()
    {
        let text = read(&path);
        for place in [&home, &work] {
            assert!(!text.contains(place.as_str()), "{} holds {place}", path.display());
        }
    }
}

/// Every dependency has a reason in ARCHITECTURE.md.
#[test]
fn every_dependency_has_its_reason() {
    let architecture = read(Path::new("ARCHITECTURE.md"));
    let manifest: toml::Table = read(Path::new("Cargo.toml")).parse().unwrap();
    let crates = manifest["workspace"]["dependencies"].as_table().unwrap().keys().cloned();
    let mut names: Vec<String> = crates.filter(|name| !name.starts_with("voxlink-")).collect();
    for package in ["web/package.json", "tests/browser/package.json"] {
        let json: serde_json::Value = serde_json::from_str(&read(Path::new(package))).unwrap();
        for kind in ["dependencies", "devDependencies"] {
            names.extend(json[kind].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
        }
    }
    let missing: Vec<_> = names.iter().filter(|name| !architecture.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "no reason in ARCHITECTURE.md for {missing:?}");
}
