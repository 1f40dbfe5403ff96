//! `skink chain explain`

use std::fmt::Write as _;
use std::io::Read as _;

use anyhow::Result;
use clap::Args;
use skink_chain::explain::{Explanation, explain};

use crate::{Failure, Output};

pub(crate) const LONG: &str = "Explain an error message about TLS or certificates.\n\n\
    Knows what OpenSSL, curl, Python, Java, Go, Node, .NET, rustls, GnuTLS, nginx, Apache, HAProxy, \
    PostgreSQL and the browsers print, and says what it means, how it comes about, and what to do. \
    Paste the message, or a whole log; the best match comes first. Nothing is asked of any server. \
    Exits with 0 when something was recognised and with 3 when nothing was.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain explain \"unable to get local issuer certificate\"\n  \
    curl https://intranet.corp.example 2>&1 | skink chain explain\n  \
    tail -50 /var/log/nginx/error.log | skink chain explain --all";

/// No log that a person pastes is longer.
const MOST: u64 = 1 << 20;

#[derive(Debug, Args)]
pub struct Explain {
    /// The message; without it, or as -, standard input is read.
    #[arg(value_name = "ERROR TEXT")]
    text: Vec<String>,
    /// Tell every match, not the best three.
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Explain, out: Output) -> Result<()> {
    let mut text = args.text.join(" ");
    if text.is_empty() || text == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MOST).read_to_end(&mut bytes)?;
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let mut found = explain(&text);
    if !args.all {
        found.truncate(3);
    }
    if found.is_empty() {
        if out.is_json() {
            out.show(&found, String::new)?;
        }
        return Err(Failure::Undecided {
            what: "nothing in this text is known".to_owned(),
            hint: "leave names, times and numbers out, or paste the lines around it too; \
                   `skink chain diagnose HOST:443` looks for itself"
                .to_owned(),
        }
        .into());
    }
    out.show(&found, || people(&found))
}

fn people(found: &[Explanation]) -> String {
    let mut text = String::new();
    for (index, one) in found.iter().enumerate() {
        if index > 0 {
            text.push_str("\nor\n\n");
        }
        // Writing into a string does not fail.
        let _ = write!(
            text,
            "{}\n\n  recognised  {} ({})\n  cause       {}\n",
            one.what, one.message, one.family, one.why
        );
        if !one.note.is_empty() {
            let _ = writeln!(text, "  this one    {}", one.note);
        }
        text.push_str("\n  what to do\n");
        for step in one.remedy {
            let _ = writeln!(text, "  - {step}");
        }
    }
    text
}
