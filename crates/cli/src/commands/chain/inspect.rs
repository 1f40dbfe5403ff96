//! `skink chain inspect`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use skink_x509::Certificate;

use crate::Output;

pub(crate) const LONG: &str = "Say what files hold.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain inspect server.pem";

#[derive(Debug, Args)]
pub struct Inspect {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Inspect, out: Output) -> Result<()> {
    for file in &args.files {
        let certificates = Certificate::all_from_pem(&fs_err::read_to_string(file)?)?;
        let subjects: Vec<_> = certificates.iter().map(|it| it.subject().to_string()).collect();
        out.show(&subjects, || subjects.join("\n"))?;
    }
    Ok(())
}
