//! What a person writes to say where ciphertexts lie.

use crate::column::{PostgresColumn, SqliteColumn};
use crate::files::Files;
use crate::source::{Source, SourceError};

/// The sources that these targets name: `postgres://…`, `sqlite:…`, `s3://…`, and files, which are one source.
pub async fn open(targets: &[String]) -> Result<Vec<Box<dyn Source>>, SourceError> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    let mut files = Vec::new();
    for target in targets {
        match target.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => {
                sources.push(Box::new(PostgresColumn::open(target).await?));
            }
            Some("sqlite") => sources.push(Box::new(SqliteColumn::open(target).await?)),
            #[cfg(feature = "s3")]
            Some("s3") => sources.push(Box::new(crate::s3::S3Objects::open(target)?)),
            #[cfg(not(feature = "s3"))]
            Some("s3") => {
                return Err(SourceError::BadTarget {
                    target: target.clone(),
                    why: "this build of skink reads no S3: build it with --features s3".to_owned(),
                });
            }
            _ => files.push(target.as_str()),
        }
    }
    if !files.is_empty() {
        sources.push(Box::new(Files::find(files)?));
    }
    Ok(sources)
}
