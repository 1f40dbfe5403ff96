//! `skink key`

mod attempt;
mod direct;
mod encryption;
mod life;
mod look;
mod place;
mod rewrap;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use serde::Serialize;
use skink_api::{Attempt, Authority, Key};
use skink_signer::FileLedger;
use skink_signer::record::{RecordError, Use, cloudtrail, vault};

use super::Session;
use crate::table::{Table, or_dash};
use crate::{Failure, Global, Output, when};

pub(crate) const LONG: &str = "Keys: where they are, and who used them.\n\n\
    Every signature has a row in the server's ledger before it is made. A key service that keeps a \
    record of its own can be held against it: what it signed and nobody asked for was signed by \
    somebody else.";

const RECONCILE: &str = "Hold a key service's own record against the ledger.\n\n\
    Reads an audit log of OpenBao or Vault (a file device, one JSON object a line), or what AWS \
    recorded (unpacked files of a trail, or what `aws cloudtrail lookup-events` printed), and pairs \
    every signature with an attempt by the service's id of the call. What is left was signed behind \
    Skink's back: the first of it bounds the time since which the key is in somebody else's use.\n\n\
    CloudTrail tells of a call some minutes after it, as a rule within a quarter of an hour: wait, \
    or what came last is missing.\n\n\
    Exit codes: 0 everything was asked for, 6 something was not.";

const EXAMPLES: &str = "Examples:\n  \
    skink key list\n  \
    skink key reconcile --audit-log /var/log/openbao/audit.log\n  \
    aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=Sign \
    > sign.json\n  \
    skink key reconcile --cloudtrail sign.json";

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// At the provider itself, without a server.
    #[command(flatten)]
    Direct(direct::DirectCommand),
    /// With symmetric keys, without a server.
    #[command(flatten)]
    Encryption(encryption::EncryptionCommand),
    /// All keys, where they are, and how often they signed
    List,
    /// Hold a key service's own record of signatures against the ledger
    #[command(long_about = RECONCILE, after_long_help = EXAMPLES)]
    Reconcile {
        /// An audit log of OpenBao or Vault; may be given several times.
        #[arg(long, value_name = "FILE", required_unless_present = "cloudtrail")]
        audit_log: Vec<PathBuf>,
        /// What AWS recorded, as JSON; may be given several times.
        #[arg(long, value_name = "FILE")]
        cloudtrail: Vec<PathBuf>,
        /// A ledger file of `skink key test` or `skink key disable`, whose signatures were asked for
        /// too; may be given several times.
        #[arg(long, value_name = "FILE")]
        ledger: Vec<PathBuf>,
    },
}

pub(crate) async fn run(command: KeyCommand, global: &Global) -> Result<()> {
    if let KeyCommand::Direct(command) = command {
        return direct::run(command, Output::new(global.json)).await;
    }
    if let KeyCommand::Encryption(command) = command {
        return encryption::run(command, Output::new(global.json)).await;
    }
    let session = &Session::open(global)?;
    match command {
        KeyCommand::Direct(_) | KeyCommand::Encryption(_) => Ok(()),
        KeyCommand::List => {
            let keys: Vec<Key> = session.api.get("/api/v1/keys", &[]).await?;
            session.out.table(&keys, || table(&keys))
        }
        KeyCommand::Reconcile { audit_log, cloudtrail, ledger: files } => {
            let mut known = ledger(session).await?;
            for file in &files {
                known.add_file(file)?;
            }
            let logs = audit_log.into_iter().map(Source::Vault);
            let found =
                reconcile(logs.chain(cloudtrail.into_iter().map(Source::CloudTrail)), known)?;
            session.out.table(&found, || found.table())?;
            found.judge()
        }
    }
}

/// Keys as a table.
pub(crate) fn table(keys: &[Key]) -> Table {
    let mut table = Table::new(["key", "of", "algorithm", "state", "signatures"], "no keys");
    for key in keys {
        table.row([
            key.uri.clone(),
            key.owner.clone(),
            key.algorithm.clone(),
            key.state.clone(),
            key.signatures.to_string(),
        ]);
    }
    table
}

/// What the ledger says of keys at services.
#[derive(Default)]
struct Known {
    /// Keys, without their versions.
    keys: HashSet<String>,
    /// Attempts by the ids of their calls, by which they are paired. A call may have made several
    /// signatures.
    calls: HashMap<String, u64>,
    /// By key, attempts whose end nobody knows and that have no id: each may be one signature.
    unknown: HashMap<String, u64>,
}

async fn ledger(session: &Session) -> Result<Known> {
    let mut known = Known::default();
    let keys: Vec<Key> = session.api.get("/api/v1/keys", &[]).await?;
    known.keys.extend(keys.iter().map(|key| unpinned(&key.uri)));
    let authorities: Vec<Authority> = session.api.get("/api/v1/authorities", &[]).await?;
    for authority in authorities {
        let path = format!("/api/v1/authorities/{}/attempts", authority.id);
        let attempts: Vec<Attempt> = session.api.pages(&path, &[], usize::MAX).await?;
        for attempt in attempts {
            match attempt.request_id {
                Some(id) => *known.calls.entry(id).or_default() += 1,
                None if matches!(attempt.state.as_str(), "unknown" | "asked") => {
                    *known.unknown.entry(unpinned(&attempt.key)).or_default() += 1;
                }
                None => {}
            }
        }
    }
    Ok(known)
}

impl Known {
    /// What was asked for by hand.
    fn add_file(&mut self, file: &Path) -> Result<()> {
        // Reading would begin one that is not there.
        fs_err::metadata(file)?;
        let named = || format!("reading the ledger {}", file.display());
        for attempt in FileLedger::read(file).with_context(named)? {
            match (attempt.request_id, attempt.outcome.as_deref()) {
                (Some(id), _) => *self.calls.entry(id.to_string()).or_default() += 1,
                (None, None | Some("unknown")) => {
                    *self.unknown.entry(unpinned(&attempt.key)).or_default() += 1;
                }
                (None, Some(_)) => {}
            }
        }
        Ok(())
    }
}

/// A key's name without its version: the service's log does not tell that.
fn unpinned(uri: &str) -> String {
    uri.split('?').next().unwrap_or_default().to_owned()
}

/// An alias where the record names no key: it may be of ours.
fn names_no_key(uri: &str) -> bool {
    uri.starts_with("awskms:") && !uri.contains(":key/")
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Reconciled {
    /// Signatures that were asked for.
    paired: u64,
    /// Signatures by keys that are none of Skink's.
    foreign: u64,
    /// By key, attempts whose end nobody knows: so many of those nobody asked for may be ours.
    unknown: BTreeMap<String, u64>,
    /// Signatures by Skink's keys that no attempt stands for.
    unasked: Vec<Unasked>,
}

#[derive(Clone, Debug, Serialize)]
struct Unasked {
    key: String,
    request_id: String,
    at_ms: i64,
    from: Option<String>,
}

/// A key service's own record.
enum Source {
    Vault(PathBuf),
    CloudTrail(PathBuf),
}

impl Source {
    fn read(&self) -> Result<Box<dyn Iterator<Item = Result<Use, RecordError>>>> {
        let open = |path: &Path| fs_err::File::open(path).map(BufReader::new);
        Ok(match self {
            Self::Vault(path) => Box::new(vault::uses(open(path)?)),
            Self::CloudTrail(path) => Box::new(cloudtrail::uses(open(path)?)),
        })
    }

    fn path(&self) -> &Path {
        let (Self::Vault(path) | Self::CloudTrail(path)) = self;
        path
    }
}

fn reconcile(sources: impl IntoIterator<Item = Source>, known: Known) -> Result<Reconciled> {
    let Known { keys, calls, unknown } = known;
    let unknown = unknown.into_iter().collect();
    let mut found = Reconciled { paired: 0, foreign: 0, unknown, unasked: Vec::new() };
    // Files of a trail overlap with what was looked up.
    let mut told = HashSet::new();
    for source in sources {
        for made in source.read()? {
            let made = made.with_context(|| format!("reading {}", source.path().display()))?;
            let Use { key, request_id, signatures, at, from } = made;
            if !told.insert((key.clone(), request_id.clone())) {
                continue;
            }
            let asked = calls.get(&request_id).copied().unwrap_or_default().min(signatures);
            found.paired += asked;
            let unasked = signatures - asked;
            if unasked == 0 {
                continue;
            }
            if asked > 0 || keys.contains(key.as_str()) || names_no_key(key.as_str()) {
                let (key, at_ms) = (key.to_string(), at.as_millis());
                let one = Unasked { key, request_id, at_ms, from };
                found.unasked.extend((0..unasked).map(|_| one.clone()));
            } else {
                found.foreign += unasked;
            }
        }
    }
    found.unknown.retain(|key, _| found.unasked.iter().any(|one| one.key == *key));
    Ok(found)
}

impl Reconciled {
    fn table(&self) -> Table {
        let head = ["signed at", "with", "from", "the service's id"];
        let mut table = Table::new(head, "every signature was asked for");
        for one in &self.unasked {
            table.row([
                when::show(one.at_ms),
                one.key.clone(),
                or_dash(one.from.as_ref()),
                one.request_id.clone(),
            ]);
        }
        table
    }

    /// More than what attempts of unknown end explain was signed by somebody else.
    fn judge(&self) -> Result<()> {
        let mut surplus: BTreeMap<&str, u64> = BTreeMap::new();
        for one in &self.unasked {
            *surplus.entry(&one.key).or_default() += 1;
        }
        surplus.retain(|key, count| *count > self.unknown.get(*key).copied().unwrap_or_default());
        let first = self.unasked.iter().filter(|one| surplus.contains_key(one.key.as_str()));
        let Some(first) = first.map(|one| one.at_ms).min() else { return Ok(()) };
        let keys: Vec<String> =
            surplus.iter().map(|(key, count)| format!("{count} by {key}")).collect();
        bail!(Failure::NotVerified {
            what: format!(
                "signatures that nobody asked for: {}, the first at {}",
                keys.join(", "),
                when::show(first)
            ),
            hint:
                "somebody else has the use of the key: `skink incident declare`, suspected since \
                   that time"
                    .into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(calls: &[(&str, &str)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = |(key, id): &(&str, &str)| {
            format!(
                "{{\"type\":\"response\",\"time\":\"2026-11-23T08:02:44Z\",\"request\":{{\
                 \"id\":\"{id}\",\"operation\":\"update\",\"path\":\"transit/sign/{key}\"}}}}\n"
            )
        };
        std::fs::write(file.path(), calls.iter().map(line).collect::<String>()).unwrap();
        file
    }

    fn of_vault(file: &tempfile::NamedTempFile) -> [Source; 1] {
        [Source::Vault(file.path().to_owned())]
    }

    #[test]
    fn what_aws_recorded_is_held_against_the_ledger_too() {
        const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234";
        let event = |key: &str, id: &str| {
            format!(
                "{{\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"Sign\",\"eventTime\":\
                 \"2026-11-23T08:02:44Z\",\"requestID\":\"{id}\",\"requestParameters\":{{\
                 \"keyId\":\"{key}\"}}}}\n"
            )
        };
        let known = || Known {
            keys: [format!("awskms:{ARN}")].into(),
            calls: (0..10_000).map(|call| (format!("r-{call}"), 1)).collect(),
            unknown: HashMap::new(),
        };
        let honest: String = (0..10_000).map(|call| event(ARN, &format!("r-{call}"))).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        let other = "arn:aws:kms:eu-central-1:111122223333:key/another";
        std::fs::write(file.path(), honest + &event(other, "r-x")).unwrap();
        let source = || Source::CloudTrail(file.path().to_owned());
        // The same file twice tells nothing new.
        let found = reconcile([source(), source()], known()).unwrap();
        assert_eq!((found.paired, found.foreign, found.unasked.len()), (10_000, 1, 0));
        found.judge().unwrap();
        for by in [ARN, "alias/whose"] {
            std::fs::write(file.path(), event(ARN, "r-1") + &event(by, "stolen")).unwrap();
            let found = reconcile([source()], known()).unwrap();
            assert_eq!((found.paired, found.unasked.len()), (1, 1), "{by}");
            let said = found.judge().unwrap_err().to_string();
            assert!(said.contains(&format!("1 by awskms:{by}")), "{said}");
        }
    }

    fn known(calls: u32, unknown: u64) -> Known {
        Known {
            keys: ["vault:transit/ca".to_owned()].into(),
            calls: (0..calls).map(|call| (format!("r-{call}"), 1)).collect(),
            unknown: [("vault:transit/ca".to_owned(), unknown)].into(),
        }
    }

    #[test]
    fn ten_thousand_honest_signatures_are_silent() {
        let ids: Vec<String> = (0..10_000).map(|call| format!("r-{call}")).collect();
        let calls: Vec<(&str, &str)> = ids.iter().map(|id| ("ca", id.as_str())).collect();
        let file = log(&[&calls[..], &[("another", "r-x")]].concat());
        let found = reconcile(of_vault(&file), known(10_000, 0)).unwrap();
        assert_eq!((found.paired, found.foreign, found.unasked.len()), (10_000, 1, 0));
        found.judge().unwrap();
    }

    #[test]
    fn what_a_call_signed_beyond_its_attempts_is_somebody_elses() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let parts = ["{\"signature\":\"hmac-sha256:00\"}"; 3].join(",");
        let line = format!(
            "{{\"type\":\"response\",\"time\":\"2026-11-23T08:02:44Z\",\"request\":{{\"id\":\"r-0\",\
             \"operation\":\"update\",\"path\":\"transit/sign/ca\"}},\"response\":{{\"data\":{{\
             \"batch_results\":[{parts}]}}}}}}\n"
        );
        std::fs::write(file.path(), line).unwrap();
        let mut three = known(0, 0);
        three.calls.insert("r-0".to_owned(), 3);
        let found = reconcile(of_vault(&file), three).unwrap();
        assert_eq!((found.paired, found.unasked.len()), (3, 0));
        let found = reconcile(of_vault(&file), known(1, 0)).unwrap();
        assert_eq!((found.paired, found.unasked.len()), (1, 2));
        assert!(found.judge().unwrap_err().to_string().contains("2 by vault:transit/ca"));
    }

    #[test]
    fn one_more_than_what_crashes_explain_is_somebody_else() {
        let file = log(&[("ca", "r-0"), ("ca", "lost"), ("ca", "stolen")]);
        let found = reconcile(of_vault(&file), known(1, 2)).unwrap();
        assert_eq!(found.unasked.len(), 2);
        found.judge().unwrap();
        let found = reconcile(of_vault(&file), known(1, 1)).unwrap();
        let said = found.judge().unwrap_err().to_string();
        assert!(said.contains("2 by vault:transit/ca"), "{said}");
    }

    #[tokio::test]
    async fn what_was_asked_for_by_hand_was_asked_for() {
        use skink_signer::{
            AttemptPurpose, Ledger as _, Outcome, RequestId, Settlement, SignatureRequest,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("by-hand.log");
        let by_hand = FileLedger::open(&path).unwrap();
        let request = SignatureRequest {
            authority: "key-test".parse().unwrap(),
            key: "vault:transit/ca?version=1".parse().unwrap(),
            purpose: AttemptPurpose::Probe,
            subject: "key-test".into(),
            algorithm: skink_x509::SignatureAlgorithm::EcdsaSha256,
            incident: None,
        };
        let mut tickets = by_hand.ask(vec![request.clone(), request]).await.unwrap();
        let ticket = tickets.pop().unwrap().unwrap();
        let request_id = RequestId::new("tried");
        let settled =
            Settlement { attempt: ticket.attempt().clone(), outcome: Outcome::Signed, request_id };
        by_hand.settle(vec![settled]).await.unwrap();

        let mut known = known(0, 0);
        known.add_file(&path).unwrap();
        assert!(known.add_file(&dir.path().join("nowhere")).is_err());
        let file = log(&[("ca", "tried"), ("ca", "cut-off")]);
        let found = reconcile(of_vault(&file), known).unwrap();
        assert_eq!((found.paired, found.unasked.len()), (1, 1));
        found.judge().unwrap();
    }
}
