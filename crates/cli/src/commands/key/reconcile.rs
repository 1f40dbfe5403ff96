//! A key service's own record, held against the ledger.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use skink_api::{Attempt, Authority, Key};
use skink_signer::FileLedger;
use skink_signer::record::{RecordError, Use, azuremonitor, cloudaudit, cloudtrail, vault};

use crate::commands::Session;
use crate::table::{Table, or_dash};
use crate::{Failure, when};

/// What the ledger says of keys at services.
#[derive(Default)]
pub(super) struct Known {
    /// Keys, without their versions.
    keys: HashSet<String>,
    /// Attempts by the ids of their calls, by which they are paired. A call may have made several
    /// signatures.
    calls: HashMap<String, u64>,
    /// By key, attempts whose end nobody knows and that have no id: each may be one signature.
    unknown: HashMap<String, u64>,
}

/// Every attempt that the server knows of.
pub(super) async fn known_to(session: &Session) -> Result<Known> {
    let mut known = Known::default();
    let keys: Vec<Key> = session.api.get("/api/v1/keys", &[]).await?;
    known.keys.extend(keys.iter().map(|key| unpinned(&key.uri)));
    let authorities: Vec<Authority> = session.api.get("/api/v1/authorities", &[]).await?;
    for authority in authorities {
        let path = format!("/api/v1/authorities/{}/attempts", authority.id);
        let attempts: Vec<Attempt> = session.api.pages(&path, &[], usize::MAX).await?;
        for attempt in attempts {
            match attempt.request_id {
                Some(_) if attempt.state == "failed" && chooses_ids(&attempt.key) => {}
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
    pub(super) fn add_file(&mut self, file: &Path) -> Result<()> {
        // Reading would begin one that is not there.
        fs_err::metadata(file)?;
        let named = || format!("reading the ledger {}", file.display());
        for attempt in FileLedger::read(file).with_context(named)? {
            match (attempt.request_id, attempt.outcome.as_deref()) {
                (Some(_), Some("failed")) if chooses_ids(&attempt.key) => {}
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

/// A key's name as far as a record tells it: Vault's has no version, and Google's may call a project
/// by its number.
fn unpinned(uri: &str) -> String {
    if let Some((_, place)) = uri.strip_prefix("gcpkms:projects/").and_then(|it| it.split_once('/'))
    {
        return format!("gcpkms:projects/-/{place}");
    }
    uri.split('?').next().unwrap_or_default().to_owned()
}

/// Whether callers of the key's service choose the ids of their calls. Then what the ledger knows to
/// be refused pairs with no signature: somebody else may choose its id.
fn chooses_ids(uri: &str) -> bool {
    uri.starts_with("azurekv:") || uri.starts_with("gcpkms:")
}

/// An alias where the record names no key, or a name without a version: it may be of ours.
fn names_no_key(uri: &str) -> bool {
    match uri.split_once(':') {
        Some(("awskms", name)) => !name.contains(":key/"),
        Some(("azurekv", name)) => {
            name.split_once("/keys/").is_none_or(|(_, key)| !key.contains('/'))
        }
        _ => false,
    }
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Reconciled {
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
    /// The key as the ledger's are compared.
    #[serde(skip)]
    known_as: String,
}

/// A key service's own record.
pub(super) enum Source {
    AzureMonitor(PathBuf),
    CloudAudit(PathBuf),
    CloudTrail(PathBuf),
    Vault(PathBuf),
}

impl Source {
    fn read(&self) -> Result<Box<dyn Iterator<Item = Result<Use, RecordError>>>> {
        let open = |path: &Path| fs_err::File::open(path).map(BufReader::new);
        Ok(match self {
            Self::AzureMonitor(path) => Box::new(azuremonitor::uses(open(path)?)),
            Self::CloudAudit(path) => Box::new(cloudaudit::uses(open(path)?)),
            Self::CloudTrail(path) => Box::new(cloudtrail::uses(open(path)?)),
            Self::Vault(path) => Box::new(vault::uses(open(path)?)),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::AzureMonitor(path)
            | Self::CloudAudit(path)
            | Self::CloudTrail(path)
            | Self::Vault(path) => path,
        }
    }
}

pub(super) fn reconcile(
    sources: impl IntoIterator<Item = Source>,
    known: Known,
) -> Result<Reconciled> {
    let Known { keys, mut calls, unknown } = known;
    let unknown = unknown.into_iter().collect();
    let mut found = Reconciled { paired: 0, foreign: 0, unknown, unasked: Vec::new() };
    // Files of a trail overlap with what was looked up.
    let mut told = HashSet::new();
    for source in sources {
        for made in source.read()? {
            let made = made.with_context(|| format!("reading {}", source.path().display()))?;
            let Use { key, request_id, signatures, at, from, entry } = made;
            if !told.insert((key.clone(), request_id.clone(), entry)) {
                continue;
            }
            // An attempt stands for one signature, whoever says its id once more.
            let asked = calls.get_mut(&request_id).map_or(0, |left| {
                let asked = signatures.min(*left);
                *left -= asked;
                asked
            });
            found.paired += asked;
            let unasked = signatures - asked;
            if unasked == 0 {
                continue;
            }
            let known_as = unpinned(key.as_str());
            let is_ours = asked > 0 || calls.contains_key(&request_id) || keys.contains(&known_as);
            if is_ours || names_no_key(key.as_str()) {
                let (key, at_ms) = (key.to_string(), at.as_millis());
                let one = Unasked { key, request_id, at_ms, from, known_as };
                found.unasked.extend((0..unasked).map(|_| one.clone()));
            } else {
                found.foreign += unasked;
            }
        }
    }
    found.unknown.retain(|key, _| found.unasked.iter().any(|one| one.known_as == *key));
    Ok(found)
}

impl Reconciled {
    pub(super) fn table(&self) -> Table {
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
    pub(super) fn judge(&self) -> Result<()> {
        let mut surplus: BTreeMap<&str, u64> = BTreeMap::new();
        for one in &self.unasked {
            *surplus.entry(&one.known_as).or_default() += 1;
        }
        surplus.retain(|key, count| *count > self.unknown.get(*key).copied().unwrap_or_default());
        let first = self.unasked.iter().filter(|one| surplus.contains_key(one.known_as.as_str()));
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

    const GUID: &str = "6f9619ff-8b86-4011-a42d-";

    /// The record of a service whose callers choose ids.
    struct Chosen {
        key: String,
        /// About a call with this id, at this place.
        entry: fn(&str, usize) -> String,
        source: fn(PathBuf) -> Source,
    }

    fn chosen() -> [Chosen; 2] {
        fn google(call: &str, place: usize) -> String {
            format!(
                "{{\"insertId\":\"i{place}\",\"timestamp\":\"2026-11-23T08:02:44Z\",\"protoPayload\":{{\
                 \"serviceName\":\"cloudkms.googleapis.com\",\"methodName\":\"AsymmetricSign\",\
                 \"resourceName\":\"projects/12345/locations/l/keyRings/r/cryptoKeys/k/\
                 cryptoKeyVersions/1\",\"requestMetadata\":{{\"requestAttributes\":{{\"reason\":\
                 \"{call}\"}}}}}}}}\n"
            )
        }
        fn azure(call: &str, place: usize) -> String {
            format!(
                "{{\"operationName\":\"KeySign\",\"time\":\"2026-11-23T08:02:44.{place:07}Z\",\
                 \"correlationId\":\"{call}\",\"properties\":{{\"httpStatusCode\":200,\"id\":\
                 \"https://pki.vault.azure.net/keys/k/v1\"}}}}\n"
            )
        }
        let ring = "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";
        let vault = "azurekv:https://pki.vault.azure.net/keys/k/v1";
        [
            Chosen { key: ring.to_owned(), entry: google, source: Source::CloudAudit },
            Chosen { key: vault.to_owned(), entry: azure, source: Source::AzureMonitor },
        ]
    }

    #[test]
    fn what_google_and_azure_recorded_is_held_against_the_ledger_too() {
        for Chosen { key, entry, source } in chosen() {
            let id = |call: usize| format!("{GUID}{call:012}");
            let known = || Known {
                keys: [unpinned(&key)].into(),
                calls: (0..10_000).map(|call| (id(call), 1)).collect(),
                unknown: HashMap::new(),
            };
            let honest: String = (0..10_000).map(|call| entry(&id(call), call)).collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            let of = || source(file.path().to_owned());
            std::fs::write(file.path(), &honest).unwrap();
            // The same file twice tells nothing new.
            let found = reconcile([of(), of()], known()).unwrap();
            assert_eq!((found.paired, found.foreign, found.unasked.len()), (10_000, 0, 0));
            found.judge().unwrap();
            // An id of the thief's own, none at all, and one of ours once more.
            for stolen in ["stolen", "", &id(7)] {
                let all = honest.clone() + &entry(stolen, 10_000);
                std::fs::write(file.path(), all).unwrap();
                let found = reconcile([of()], known()).unwrap();
                assert_eq!((found.paired, found.unasked.len()), (10_000, 1), "{key} {stolen}");
                let said = found.judge().unwrap_err().to_string();
                assert!(said.contains("signatures that nobody asked for: 1 by"), "{said}");
            }
        }
    }

    #[test]
    fn a_key_that_is_none_of_ours_is_foreign_and_a_crash_explains_one() {
        for Chosen { key, entry, source } in chosen() {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), entry("cut-off", 1)).unwrap();
            let of = || source(file.path().to_owned());
            let found = reconcile([of()], Known::default()).unwrap();
            assert_eq!((found.paired, found.foreign, found.unasked.len()), (0, 1, 0), "{key}");
            let crashed = Known {
                keys: [unpinned(&key)].into(),
                unknown: [(unpinned(&key), 1)].into(),
                ..Known::default()
            };
            let found = reconcile([of()], crashed).unwrap();
            assert_eq!(found.unasked.len(), 1, "{key}");
            found.judge().unwrap();
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
