//! The rows, one module each.

use std::path::Path;

use crate::Options;
use crate::error::BenchError;
use crate::row::Row;

mod crl;
mod crypto;
mod fleet;
mod growth;
mod issue;
mod million;
mod ocsp;
mod revoke;

/// The names of rows.
const KNOWN: [&str; 8] = ["issue", "crypto", "revoke", "crl", "ocsp", "growth", "million", "fleet"];

/// Refuses names of rows that there are not.
pub(crate) fn known(names: &[String]) -> Result<(), BenchError> {
    match names.iter().find(|name| !KNOWN.contains(&name.as_str())) {
        Some(name) => Err(BenchError::NoRow { name: name.clone(), known: KNOWN.join(", ") }),
        None => Ok(()),
    }
}

/// Everything that is wanted.
pub(crate) async fn all(options: &Options, dir: &Path) -> Result<Vec<Row>, BenchError> {
    let mut rows = Vec::new();
    if options.wants("issue") || options.wants("crypto") {
        rows.extend(issue::measure(options, dir).await?);
    }
    if options.wants("revoke") {
        rows.extend(revoke::measure(options, dir).await?);
    }
    if options.wants("crl") {
        rows.extend(crl::measure(options, dir).await?);
    }
    if options.wants("ocsp") {
        rows.extend(ocsp::measure(options, dir).await?);
    }
    if options.wants("growth") {
        rows.extend(growth::measure(options, dir).await?);
    }
    // These have no quick form that would say anything: that is for trying the rows themselves.
    let large = !options.quick || !options.only.is_empty();
    if options.wants("million") && large {
        rows.extend(million::measure(options, dir).await?);
    }
    if options.wants("fleet") && large {
        rows.extend(fleet::measure(options).await?);
    }
    Ok(rows)
}
