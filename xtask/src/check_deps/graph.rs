//! Who depends on whom.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// The workspace's crates by package name.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) crates: BTreeMap<String, Node>,
}

/// What one crate depends on.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Named in its manifest as a dependency or build dependency.
    pub(super) direct: BTreeSet<String>,
    /// Named in its manifest as a dev-dependency.
    pub(super) dev: BTreeSet<String>,
    /// Everything that is built into it, on any platform, with all of its features.
    pub(super) reached: BTreeSet<String>,
}

impl Graph {
    /// Asks cargo about the workspace that this program was built from.
    pub(super) fn of_workspace() -> Result<Self> {
        let text = shell::read(&mut shell::cargo([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--locked",
        ]))?;
        let mut graph = Self::from_metadata(&serde_json::from_str(&text)?)?;
        for (name, node) in &mut graph.crates {
            // `cargo metadata` resolves features for the whole workspace at once; `cargo tree -p`
            // resolves them for this crate alone, which is what its walls are about.
            let tree = shell::read(&mut shell::cargo([
                "tree",
                "--locked",
                "--package",
                name,
                "--all-features",
                "--edges=normal,build",
                "--target=all",
                "--prefix=none",
                "--format={p}",
            ]))?;
            node.reached = reached(&tree, name);
        }
        Ok(graph)
    }

    /// Reads the direct dependencies out of `cargo metadata --no-deps`.
    pub(super) fn from_metadata(metadata: &Value) -> Result<Self> {
        let packages = metadata["packages"].as_array().context("metadata without packages")?;
        let mut crates = BTreeMap::new();
        for package in packages {
            let name = package["name"].as_str().context("a package without name")?;
            let mut node = Node::default();
            for dependency in package["dependencies"].as_array().into_iter().flatten() {
                let to = dependency["name"].as_str().context("a dependency without name")?;
                let kind = if dependency["kind"].as_str() == Some("dev") {
                    &mut node.dev
                } else {
                    &mut node.direct
                };
                kind.insert(to.to_owned());
            }
            node.reached.clone_from(&node.direct);
            crates.insert(name.to_owned(), node);
        }
        Ok(Self { crates })
    }
}

/// The names in the output of `cargo tree --prefix=none`, without the crate itself.
fn reached(tree: &str, own: &str) -> BTreeSet<String> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != own)
        .map(str::to_owned)
        .collect()
}
