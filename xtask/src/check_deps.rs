//! `cargo xtask check-deps`: the walls of `docs/ARCHITECTURE.md`, checked rather than asked for.

mod graph;
mod rules;
#[cfg(test)]
mod tests;

use anyhow::{Result, bail};

use crate::{docs, shell, sizes};

/// Checks dependencies, purity of sources, sizes and what documents point at; prints every breach.
pub(crate) fn run() -> Result<()> {
    let graph = graph::Graph::of_workspace()?;
    let mut breaches = rules::breaches(&graph);
    for file in sizes::rust_files(&shell::workspace_root())? {
        breaches.extend(sizes::breaches(&file));
        breaches.extend(rules::impurities(&file));
    }
    breaches.extend(docs::breaches(&shell::workspace_root())?);
    for breach in &breaches {
        println!("{breach}");
    }
    if breaches.is_empty() {
        println!("check-deps: {} crates keep to their walls", graph.crates.len());
        return Ok(());
    }
    bail!("{} breaches of the architecture's walls", breaches.len())
}
