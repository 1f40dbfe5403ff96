//! What a person writes to say where ciphertexts lie.

use crate::files::Files;
use crate::source::{Source, SourceError};

/// The sources that these targets name. All files are one source.
pub async fn open(targets: &[String]) -> Result<Vec<Box<dyn Source>>, SourceError> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    let mut files = Vec::new();
    for target in targets {
        files.push(target.as_str());
    }
    if !files.is_empty() {
        sources.push(Box::new(Files::find(files)?));
    }
    Ok(sources)
}
