//! What a server speaks, for people.

use std::fmt;

use serde::Serialize;
use skink_fetch::{Grade, Scan, Spoken};

use super::shown::Fetched;
use crate::table::{Facts, Table};

#[derive(Serialize)]
pub(crate) struct Scanned {
    presented: Fetched,
    #[serde(flatten)]
    scan: Scan,
    grade: Grade,
}

impl Scanned {
    pub(crate) fn new(presented: Fetched, scan: Scan) -> Self {
        let grade = scan.grade();
        Self { presented, scan, grade }
    }

    fn features(&self) -> Facts {
        let scan = &self.scan;
        Facts::default()
            .fact("groups", scan.groups.join(", "))
            .fact("protocols (ALPN)", scan.alpn.join(", "))
            .fact("stapled", format!("{} of {} handshakes", scan.stapled.seen, scan.stapled.of))
            .maybe("resumed, TLS 1.3", scan.resumes_tls13.map(tried))
            .maybe("resumed by ticket", scan.resumes_by_ticket.map(tried))
            .maybe("resumed by session id", scan.resumes_by_id.map(tried))
            .maybe("secure renegotiation", scan.secure_renegotiation.map(tried))
            .maybe("extended master secret", scan.extended_master_secret.map(tried))
            .fact("compression", tried(scan.compresses))
            .maybe("smallest DHE prime", scan.smallest_dh_bits)
    }
}

fn tried(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn ciphers(f: &mut fmt::Formatter<'_>, spoken: &Spoken) -> fmt::Result {
    let order = match spoken.server_prefers {
        Some(true) => ", in the server's order",
        Some(false) => ", in the client's order",
        None => "",
    };
    writeln!(f, "\n{}{order}", spoken.version)?;
    spoken.ciphers.iter().try_for_each(|cipher| writeln!(f, "  {cipher}"))
}

impl fmt::Display for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.presented)?;
        let mut table = Table::new(["version", "spoken", "said instead"], "nothing is spoken");
        for spoken in &self.scan.protocols {
            let refusal = spoken.refusal.clone().unwrap_or_default();
            table.row([spoken.version.clone(), tried(spoken.spoken).into(), refusal]);
        }
        write!(f, "{table}")?;
        for spoken in self.scan.protocols.iter().filter(|it| it.spoken) {
            ciphers(f, spoken)?;
        }
        write!(f, "\n{}", self.features())?;
        writeln!(f, "\ngrade {}, for protocols and ciphers alone", self.grade.letter)?;
        for reason in &self.grade.reasons {
            let weight = match reason.at_best {
                'A' => "remark".to_owned(),
                letter => format!("at best {letter}"),
            };
            writeln!(f, "  {weight}: {}\n    {}", reason.what, reason.remedy)?;
        }
        Ok(())
    }
}
