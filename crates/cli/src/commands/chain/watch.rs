//! `skink chain watch`

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use skink_chain::Bag;
use skink_chain::input::{Item, Kind};
use skink_fetch::Place;
use skink_x509::ocsp::{BasicResponse, OcspResponse};
use skink_x509::{Certificate, Time};

use super::fetch::Reach;
use super::files::{self, Files};
use crate::table::Table;
use crate::when::{self, Span};
use crate::{Exit, Failure, Output, PassphraseArgs};

pub(crate) const LONG: &str = "Say what expires soon, for monitoring.\n\n\
    Looks at files, at folders with everything below them, and at servers: certificates, also each \
    intermediate and root; revocation lists and OCSP responses by their nextUpdate; of servers the \
    stapled response too. Soonest first. Exits with 0 when everything lasts longer than --within, \
    with 1 when something does not or has expired already, and with 3 when nothing expires and \
    something could not be looked at: a server, a file or folder that was named or cannot be \
    opened, and anything in a folder that is by its shape or label a certificate, a list, a \
    response or a store of them and cannot be read.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain watch www.example.com:443 mail.example.com:587 --within 21d\n  \
    skink chain watch /etc/nginx/tls /etc/ssl/private/site.p12 --within 14d --quiet\n  \
    skink chain watch crls/ --within 12h --json";

#[derive(Debug, Args)]
pub struct Watch {
    /// Files, folders, and servers as HOST:PORT.
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<PathBuf>,
    /// What ends within this span is told.
    #[arg(long, value_name = "SPAN", default_value = "21d")]
    within: Span,
    /// Show only what ends within the span, and what failed.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Expired,
    Soon,
    NotYetValid,
    Good,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Expired => "EXPIRED",
            Self::Soon => "soon",
            Self::NotYetValid => "not yet valid",
            Self::Good => "good",
        }
    }
}

/// One thing that ends.
#[derive(Debug, Serialize)]
struct Watched {
    target: String,
    kind: &'static str,
    name: String,
    until: String,
    #[serde(skip)]
    ends: Time,
    seconds_left: i64,
    state: State,
}

#[derive(Serialize)]
struct Failed {
    target: String,
    because: String,
}

#[derive(Serialize)]
struct Report {
    watched: Vec<Watched>,
    failed: Vec<Failed>,
}

struct Watcher<'a> {
    args: &'a Watch,
    files: Files,
    now: Time,
    report: Report,
}

pub(crate) async fn run(args: &Watch, out: Output) -> Result<()> {
    let report = Report { watched: Vec::new(), failed: Vec::new() };
    let files = Files::new(&args.passphrase)?;
    let mut watcher = Watcher { args, files, now: files::now(), report };
    for target in &args.targets {
        if target.exists() || target.as_os_str() == "-" {
            watcher.path(target);
        } else if let Some(place) = target.to_str().and_then(|it| it.parse::<Place>().ok()) {
            watcher.server(&place).await;
        } else {
            let because = "there is no such file, and it is no HOST:PORT".to_owned();
            watcher.report.failed.push(Failed { target: files::name(target), because });
        }
    }
    let mut report = watcher.report;
    report.watched.sort_by_key(|it| it.ends);
    let bad = report.watched.iter().any(|it| it.state != State::Good);
    if args.quiet {
        report.watched.retain(|it| it.state != State::Good);
    }
    out.show(&report, || people(&report))?;
    if bad {
        return Err(Failure::Answered(Exit::NotGood).into());
    }
    if !report.failed.is_empty() {
        return Err(Failure::Answered(Exit::Undecided).into());
    }
    Ok(())
}

impl Watcher<'_> {
    /// A file, or everything below a folder.
    fn path(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.file(path, true);
        }
        let mut folders = vec![path.to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            let entries =
                fs_err::read_dir(&folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
            let entries = entries.unwrap_or_else(|error| {
                self.failed(files::name(&folder), error.to_string());
                Vec::new()
            });
            for entry in entries {
                // A link to a folder could lead in circles; a link to a file is how certbot keeps them.
                if entry.file_type().is_ok_and(|it| it.is_dir()) {
                    folders.push(entry.path());
                } else if entry.path().is_file() {
                    found.push(entry.path());
                }
            }
        }
        found.sort();
        for file in &found {
            self.file(file, false);
        }
    }

    /// A file; one that was not named may hold anything.
    fn file(&mut self, path: &Path, named: bool) {
        let target = files::name(path);
        let pieces = match self.files.pieces(path) {
            Ok(pieces) => pieces,
            Err(error) => return self.failed(target, format!("{error:#}")),
        };
        let is_known = pieces.iter().any(|it| could_expire(&it.item));
        let mut bag = Bag::default();
        bag.add(pieces, &target);
        let before = self.report.watched.len();
        self.bag(&target, &bag);
        let nothing = self.report.watched.len() == before && bag.keys.is_empty();
        if is_known || named && (nothing || !bag.unread.is_empty()) {
            let because = bag.unread.first().map_or("nothing in it expires", |it| &it.message);
            self.failed(target, because.to_owned());
        }
    }

    fn failed(&mut self, target: String, because: String) {
        self.report.failed.push(Failed { target, because });
    }

    fn bag(&mut self, target: &str, bag: &Bag) {
        for read in &bag.certificates {
            self.certificate(target, &read.certificate);
        }
        for crl in &bag.crls {
            if let Some(next) = crl.next_update() {
                self.note(target, "CRL", crl.issuer().to_string(), crl.this_update(), next);
            }
        }
        for response in &bag.ocsp {
            self.response(target, response);
        }
    }

    async fn server(&mut self, place: &Place) {
        let target = place.to_string();
        let presented = match self.args.reach.fetch(place).await {
            Ok(presented) => presented,
            Err(error) => {
                let because = error.chain().skip(1).map(ToString::to_string).collect::<Vec<_>>();
                self.report.failed.push(Failed { target, because: because.join(": ") });
                return;
            }
        };
        for der in &presented.chain {
            match Certificate::from_der_lenient(der) {
                Ok((certificate, _)) => self.certificate(&target, &certificate),
                Err(error) => {
                    let because = error.to_string();
                    self.report.failed.push(Failed { target: target.clone(), because });
                }
            }
        }
        match presented.stapled.as_deref().map(OcspResponse::from_der) {
            Some(Ok(response)) => self.response(&target, &response),
            Some(Err(error)) => self.failed(target, format!("the stapled response: {error}")),
            None => {}
        }
    }

    fn certificate(&mut self, target: &str, it: &Certificate) {
        let name = it.subject().to_string();
        self.note(target, "certificate", name, it.not_before(), it.not_after());
    }

    fn response(&mut self, target: &str, response: &OcspResponse) {
        for single in response.basic.iter().flat_map(BasicResponse::responses) {
            if let Some(next) = single.next_update {
                let name = "OCSP response".to_owned();
                self.note(target, "OCSP response", name, single.this_update, next);
            }
        }
    }

    fn note(&mut self, target: &str, kind: &'static str, name: String, from: Time, ends: Time) {
        let soon = self.now.plus(self.args.within.duration());
        let state = if ends <= self.now {
            State::Expired
        } else if from > self.now {
            State::NotYetValid
        } else if ends <= soon {
            State::Soon
        } else {
            State::Good
        };
        self.report.watched.push(Watched {
            target: target.to_owned(),
            kind,
            name,
            until: when::show(ends.as_millis()),
            ends,
            seconds_left: ends.as_secs() - self.now.as_secs(),
            state,
        });
    }
}

/// Whether it could not be read, and is of a kind that expires or may hold what does.
fn could_expire(item: &Item) -> bool {
    match item {
        Item::Locked(kind, _) | Item::Unreadable(kind, _) => !matches!(
            kind,
            Kind::Unknown
                | Kind::PrivateKey
                | Kind::EncryptedKey
                | Kind::PublicKey
                | Kind::Parameters
                | Kind::OpenSsh
        ),
        _ => false,
    }
}

fn people(report: &Report) -> String {
    let head = ["state", "left", "until", "what", "name", "target"];
    let mut table = Table::new(head, "nothing to tell");
    for it in &report.watched {
        table.row([
            it.state.word().to_owned(),
            left(it.seconds_left),
            it.until.clone(),
            it.kind.to_owned(),
            it.name.clone(),
            it.target.clone(),
        ]);
    }
    let failed = report.failed.iter().map(|it| format!("failed: {}: {}\n", it.target, it.because));
    table.to_string() + &failed.collect::<String>()
}

fn left(seconds: i64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600);
    match (days.abs(), hours.abs()) {
        (2.., _) => format!("{days}d"),
        (_, 2..) => format!("{hours}h"),
        _ => format!("{}m", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_a_unit_that_says_something() {
        assert_eq!(left(30 * 86_400), "30d");
        assert_eq!(left(86_400 + 7200), "26h");
        assert_eq!(left(90), "1m");
        assert_eq!(left(-5 * 86_400), "-5d");
    }
}
