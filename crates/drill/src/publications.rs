//! Every CRL that went out: what the server's journal says, and what is seen on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use skink_api::{JournalEvent, Page};
use skink_x509::Fingerprint;
use skink_x509::crl::Crl;

use crate::DrillError;
use crate::headquarters::{Headquarters, PARTITIONS, STOLEN};
use crate::operator::expect;

const PACE: Duration = Duration::from_millis(100);

/// A scope and a number, as the incident writes them: `workloads-g1/p0 7`.
type Name = String;

/// What went out during a drill.
#[derive(Debug, Clone, Default)]
pub(crate) struct Publications {
    /// How often the journal says that each went out.
    pub(crate) said: BTreeMap<Name, usize>,
    /// The digests under which each was fetched.
    pub(crate) seen: BTreeMap<Name, BTreeSet<String>>,
    /// Those of the incident's last step.
    pub(crate) last: Vec<Name>,
}

impl Publications {
    /// What went wrong: nothing, if each number stands for one list, and those that end the
    /// incident were fetched.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.last.is_empty() {
            faults.push("the incident published nothing".to_owned());
        }
        let twice = self.said.iter().filter(|(_, times)| **times > 1);
        faults.extend(twice.map(|(name, times)| format!("{name} went out {times} times")));
        for (name, digests) in &self.seen {
            if digests.len() > 1 {
                faults.push(format!("{name} is {} different lists", digests.len()));
            }
            if !self.said.contains_key(name) {
                faults.push(format!("{name} is not in the journal"));
            }
        }
        let unseen = self.last.iter().filter(|name| !self.seen.contains_key(*name));
        faults.extend(unseen.map(|name| format!("{name} was never fetched")));
        faults
    }
}

/// Fetches the lists of the stolen authority again and again.
pub(crate) struct Watch {
    seen: Arc<Mutex<BTreeMap<Name, BTreeSet<String>>>>,
    task: tokio::task::AbortHandle,
}

impl Watch {
    /// Begins to look.
    pub(crate) fn start(headquarters: &Arc<Headquarters>) -> Self {
        let seen = Arc::new(Mutex::default());
        let (log, headquarters) = (Arc::clone(&seen), Arc::clone(headquarters));
        let task = tokio::spawn(async move {
            loop {
                for scope in scopes() {
                    if let Ok(der) = headquarters.published(&path(&scope)).await {
                        note(&log, &scope, &der);
                    }
                }
                tokio::time::sleep(PACE).await;
            }
        });
        Self { seen, task: task.abort_handle() }
    }

    /// Looks once more, asks the journal, and ends.
    pub(crate) async fn finish(
        self,
        headquarters: &Headquarters,
        last: Vec<Name>,
    ) -> Result<Publications, DrillError> {
        self.task.abort();
        for scope in scopes() {
            note(&self.seen, &scope, &headquarters.published(&path(&scope)).await?);
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Publications { said: said(headquarters).await?, seen, last })
    }
}

fn scopes() -> impl Iterator<Item = String> {
    let own = (0..PARTITIONS).map(|number| format!("{STOLEN}/p{number}"));
    std::iter::once(format!("root/{STOLEN}")).chain(own)
}

fn path(scope: &str) -> String {
    format!("/crl/{scope}.crl")
}

fn note(seen: &Mutex<BTreeMap<Name, BTreeSet<String>>>, scope: &str, der: &[u8]) {
    let number = Crl::from_der(der).ok().and_then(|crl| crl.number().map(ToString::to_string));
    let name = format!("{scope} {}", number.unwrap_or_else(|| "without a number".to_owned()));
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.entry(name).or_default().insert(Fingerprint::of(der).to_string());
}

/// How often each list went out, by the server's stream.
async fn said(headquarters: &Headquarters) -> Result<BTreeMap<Name, usize>, DrillError> {
    let (mut said, mut after) = (BTreeMap::new(), 0);
    loop {
        let path = format!("/journal?stream=server&limit=1000&after={after}");
        let answer = headquarters.lead.get::<Page<JournalEvent>>(&path).await?;
        let page = expect("read the journal", answer)?;
        for event in page.items.iter().filter(|event| event.kind == "crl.published") {
            *said.entry(name(&event.body)).or_default() += 1;
        }
        match page.items.last() {
            Some(event) => after = event.seq,
            None => return Ok(said),
        }
    }
}

fn name(body: &Value) -> Name {
    format!("{} {}", body["scope"].as_str().unwrap_or_default(), body["number"])
}
