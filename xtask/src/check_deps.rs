//! `cargo xtask check-deps`: the walls of `docs/ARCHITECTURE.md`, checked rather than asked for.

mod graph;
mod rules;
#[cfg(test)]
mod tests;

use anyhow::{Result, bail};

use crate::{shell, sizes};

/// Checks dependencies, purity of sources and sizes; prints every breach.
pub(crate) fn run() -> Result<()> {
    let graph = graph::Graph::of_workspace()?;
    let mut breaches = rules::breaches(&graph);
    for file in sizes::rust_files(&shell::workspace_root())? {
        breaches.extend(sizes::breaches(&file));
        breaches.extend(rules::impurities(&file));
    }
    for breach in &breaches {
        println!("{breach}");
    }
    if breaches.is_empty() {
        println!("check-deps: {} crates keep to their walls", graph.crates.len());
        return Ok(());
    }
    bail!("{} breaches of the architecture's walls", breaches.len())
}
