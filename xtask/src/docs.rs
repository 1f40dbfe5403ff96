//! Whether what the documents point at is there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Every pointer into nothing, as a sentence.
pub(crate) fn breaches(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("docs")];
    let mut documents = vec![root.join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    for document in documents {
        let text = fs::read_to_string(&document)?;
        let own = document.parent().unwrap_or(root);
        let name = document.strip_prefix(root).unwrap_or(&document).display().to_string();
        let missing = pointers(&text).into_iter().filter(|pointer| {
            // Code is named from the top, links from the document.
            !root.join(pointer).exists() && !own.join(pointer).exists()
        });
        found.extend(
            missing.map(|pointer| format!("{name} points at {pointer}, which is not there")),
        );
    }
    Ok(found)
}

/// Paths in backticks that look like this workspace's, and targets of links.
fn pointers(text: &str) -> Vec<String> {
    let ticked = text.split('`').skip(1).step_by(2).filter(|word| {
        let ours = ["crates/", "xtask/", "docs/", "fuzz/", ".ci/"];
        ours.iter().any(|begin| word.starts_with(begin)) && !word.contains([' ', '*', '…', '<'])
    });
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let linked = linked.filter(|target| !target.contains("://") && !target.starts_with('#'));
    // `crates/x/src/y.rs::name` names something in the file.
    let path = |pointer: &str| pointer.split("::").next().unwrap_or_default().to_owned();
    ticked.chain(linked).flat_map(alternatives).map(|pointer| path(&pointer)).collect()
}

/// `a/{b,c}.rs` is two paths.
fn alternatives(pointer: &str) -> Vec<String> {
    let Some((before, rest)) = pointer.split_once('{') else { return vec![pointer.to_owned()] };
    let (inside, after) = rest.split_once('}').unwrap_or((rest, ""));
    inside.split(',').map(|one| format!("{before}{one}{after}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_paths_are_found_and_prose_is_not() {
        let text = "See [map](docs/MAP.md), [site](https://x.example) and `crates/a/src/b.rs::f`; \
                    `cargo xtask test`, `crates/{x509,path}/src` and `docs/*.md`.";
        let found = ["crates/a/src/b.rs", "crates/x509/src", "crates/path/src", "docs/MAP.md"];
        assert_eq!(pointers(text), found);
    }

    #[test]
    fn a_pointer_into_nothing_is_a_breach() {
        let folder = std::env::temp_dir().join(format!("skink-xtask-docs-{}", std::process::id()));
        fs::create_dir_all(folder.join("docs")).unwrap();
        fs::write(folder.join("README.md"), "[here](docs/a.md) [gone](docs/b.md)").unwrap();
        fs::write(folder.join("docs/a.md"), "[back](../README.md)").unwrap();
        let found = breaches(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, ["README.md points at docs/b.md, which is not there"]);
    }
}
