//! People who issue, revoke and look, and ask again until they are answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use skink_testkit::TestKey;
use skink_x509::{GeneralName, KeyAlgorithm};
use tokio::task::JoinHandle;

use crate::cluster::{Clients, Dice};

/// How long somebody asks again before he gives up: longer than any outage.
const PATIENCE: Duration = Duration::from_secs(75);
const PEOPLE: u64 = 4;

/// A certificate that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) fingerprint: String,
    pub(crate) pem: String,
    pub(crate) chain: String,
    /// Whether its revocation was acknowledged, too.
    pub(crate) revoked: bool,
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// By name.
    pub(crate) issued: BTreeMap<String, Issued>,
    pub(crate) lists: u64,
    pub(crate) asked_again: u64,
    /// The longest that anybody waited for an answer.
    pub(crate) longest: Duration,
}

pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<Done>>,
    again: Arc<AtomicU64>,
}

impl Load {
    pub(crate) fn start(clients: &Arc<Clients>, seed: u64) -> Self {
        let (stop, again) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let people = (0..PEOPLE).map(|number| {
            let person = Person {
                clients: Arc::clone(clients),
                prefix: format!("k{seed}-{number}-"),
                dice: Dice::new(seed * 100 + number),
                again: Arc::clone(&again),
                done: Done::default(),
            };
            tokio::spawn(person.work(Arc::clone(&stop)))
        });
        Self { people: people.collect(), stop, again }
    }

    /// Lets everybody get his last answer.
    pub(crate) async fn finish(self) -> Done {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Done::default();
        for person in self.people {
            let done = person.await.unwrap();
            all.issued.extend(done.issued);
            all.lists += done.lists;
            all.longest = all.longest.max(done.longest);
        }
        all.asked_again = self.again.load(Ordering::SeqCst);
        all
    }
}

struct Person {
    clients: Arc<Clients>,
    prefix: String,
    dice: Dice,
    again: Arc<AtomicU64>,
    done: Done,
}

impl Person {
    async fn work(mut self, stop: Arc<AtomicBool>) -> Done {
        let mut number = 0;
        while !stop.load(Ordering::SeqCst) {
            match self.dice.below(10) {
                0..6 => {
                    self.issue(number).await;
                    number += 1;
                }
                6..9 => self.revoke().await,
                _ => self.look().await,
            }
        }
        self.done
    }

    async fn issue(&mut self, number: u64) {
        let name = format!("{}{number:05}.test", self.prefix);
        let key = TestKey::generate(KeyAlgorithm::EcP256);
        let csr = key.request(&name, &[GeneralName::Dns(name.clone())]).to_pem();
        let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr, "once": true});
        let path = "/api/v1/certificates";
        let answer = if self.dice.below(8) == 0 {
            // Somebody impatient asks both servers at once: both have one answer.
            let mut other = self.twin();
            let (one, two) =
                tokio::join!(self.ask(path, Some(ask.clone())), other.ask(path, Some(ask)));
            assert_eq!(one["id"], two["id"], "two certificates for {name}");
            one
        } else {
            self.ask(path, Some(ask)).await
        };
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        let issued = Issued {
            id: text("id"),
            fingerprint: text("fingerprint"),
            pem: text("certificate_pem"),
            chain: text("chain_pem"),
            revoked: false,
        };
        self.done.issued.insert(name, issued);
    }

    async fn revoke(&mut self) {
        let good: Vec<_> = self.done.issued.iter().filter(|(_, one)| !one.revoked).collect();
        if good.is_empty() {
            return;
        }
        let count = u64::try_from(good.len()).unwrap();
        let at = usize::try_from(self.dice.below(count)).unwrap();
        let (name, path) =
            (good[at].0.clone(), format!("/api/v1/certificates/{}/revoke", good[at].1.id));
        let outcome = self.ask(&path, Some(json!({"reason": "superseded"}))).await;
        // 0 when an earlier try had done it, and its answer was lost.
        assert!(outcome["revoked"].as_u64().unwrap() <= 1, "{outcome}");
        self.done.issued.get_mut(&name).unwrap().revoked = true;
    }

    /// Whatever server is asked: what was acknowledged is shown.
    async fn look(&mut self) {
        let path = format!("/api/v1/certificates?prefix={}&limit=1000", self.prefix);
        let page = self.ask(&path, None).await;
        let shown: BTreeMap<&str, &Value> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["id"].as_str().unwrap(), &one["state"]))
            .collect();
        if page["next"].is_null() {
            for (name, one) in &self.done.issued {
                let state = shown.get(one.id.as_str());
                let wanted = if one.revoked { "revoked" } else { "issued" };
                assert_eq!(state, Some(&&json!(wanted)), "{name}: {one:?}");
            }
        }
        self.done.lists += 1;
    }

    fn twin(&mut self) -> Self {
        Self {
            clients: Arc::clone(&self.clients),
            prefix: self.prefix.clone(),
            dice: Dice::new(self.dice.below(u64::MAX)),
            again: Arc::clone(&self.again),
            done: Done::default(),
        }
    }

    /// The same request until there is an answer, at any server.
    async fn ask(&mut self, path: &str, body: Option<Value>) -> Value {
        let (began, mut last) = (Instant::now(), String::new());
        while began.elapsed() < PATIENCE {
            let one = usize::from(self.dice.below(2) == 1);
            let request = match &body {
                None => self.clients.ask(Method::GET, one, path),
                Some(body) => self.clients.ask(Method::POST, one, path).body(body.to_string()),
            };
            match request.send().await {
                Ok(answer) => {
                    let status = answer.status();
                    match answer.text().await {
                        Ok(text) if status.is_success() => {
                            self.done.longest = self.done.longest.max(began.elapsed());
                            return serde_json::from_str(&text).unwrap();
                        }
                        // It says itself that another try is worth it.
                        Ok(text) => {
                            assert_eq!(status.as_u16(), 503, "{path}: {status} {text}");
                            last = text;
                        }
                        Err(error) => last = error.to_string(),
                    }
                }
                Err(error) => last = error.to_string(),
            }
            self.again.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path} was not answered in {PATIENCE:?}: {last}");
    }
}
