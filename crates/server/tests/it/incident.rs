//! A stolen authority from declaration to report, over real sockets, with agents that say what
//! agents say.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use skink_api::agent::{Ack, PackageRef};
use skink_authority::ceremony::KitFile;
use skink_x509::{Certificate, Fingerprint};

use crate::common::{Api, Enrolled, TestKey, TestServer, config};

const LIMIT: Duration = Duration::from_mins(1);

/// What one agent knows and presents.
pub(crate) struct Party {
    name: String,
    pub(crate) enrolled: Enrolled,
    pub(crate) leaf: Value,
    old: String,
    key: TestKey,
    canaries: Vec<String>,
    seen: (u64, u64),
    order: u64,
    pub(crate) successor: &'static str,
    /// After it has moved it goes on seeing a peer with its old certificate, and its clock is behind
    /// by so many milliseconds.
    pub(crate) sees_old_ms: Option<i64>,
}

impl Party {
    pub(crate) async fn join(server: &TestServer, name: &str) -> Self {
        let enrolled = server.enroll(name).await;
        let mut party = Self {
            name: name.to_owned(),
            enrolled,
            leaf: Value::Null,
            old: String::new(),
            key: TestKey::new(),
            canaries: vec![],
            seen: (0, 0),
            order: 0,
            successor: "workloads-g2",
            sees_old_ms: None,
        };
        assert!(party.renew().await);
        party
    }

    /// The server came up again, on other ports.
    fn move_to(&mut self, server: &TestServer) {
        self.enrolled.api.base = format!("https://{}", server.running.ports().agent);
    }

    fn endpoint(&self) -> String {
        format!("{}-tls", self.name)
    }

    /// Asks for a certificate; whether it got one.
    async fn renew(&mut self) -> bool {
        let key = TestKey::new();
        let names = [format!("{}.example.test", self.name)];
        let csr = key.csr(&self.name, &[names[0].as_str()]);
        let ask = json!({"purpose": "leaf", "endpoint": self.endpoint(), "csr_pem": csr});
        let answer = self.enrolled.api.post("/agent/v1/certificates", &ask).await;
        if answer.status == 503 {
            answer.problem("barrier-closed");
            return false;
        }
        (self.leaf, self.key) = (answer.ok(), key);
        true
    }

    pub(crate) async fn report(&self, endpoint: Value, crls: Vec<Value>) {
        let mut endpoint = endpoint;
        endpoint["endpoint"] = json!(self.endpoint());
        let offset = self.sees_old_ms.map_or(0, |behind| -behind);
        let body = json!({"clock_offset_ms": offset, "endpoints": [endpoint], "crls": crls});
        self.enrolled.api.post("/agent/v1/report", &body).await.ok();
    }

    fn fingerprint(&self) -> String {
        let pem = self.leaf["certificate_pem"].as_str().unwrap();
        Certificate::from_pem(pem).unwrap().fingerprint().to_string()
    }

    fn installed(&self, now: i64) -> Value {
        json!({"fingerprint": self.fingerprint(), "authority": self.leaf["authority"],
               "proven_at_ms": now})
    }

    fn ack(&self, package: &PackageRef, nonce: &str) -> Value {
        let input = Ack::signing_input(&self.name, &self.endpoint(), package, nonce);
        json!({"epoch": package.epoch, "version": package.version, "digest": package.digest,
               "nonce": nonce, "signature": STANDARD.encode(self.enrolled.key.sign(&input))})
    }

    /// One round: poll, obey, prove.
    pub(crate) async fn live(&mut self, server: &TestServer) {
        let (epoch, version, order) = (self.seen.0, self.seen.1, self.order);
        let path =
            format!("/agent/v1/poll?epoch={epoch}&version={version}&order={order}&wait_ms=50");
        let poll = self.enrolled.api.get(&path).await.ok();
        let now = poll["server_time_ms"].as_i64().unwrap();
        let package: PackageRef = serde_json::from_value(poll["package"].clone()).unwrap();
        self.order = poll["order"].as_u64().unwrap();
        let news = (package.epoch, package.version) != self.seen;
        self.seen = (package.epoch, package.version);
        let status = self.status(&package).await;
        let state = |id: &str| {
            status.authorities.iter().find(|one| one.id == id).map(|one| one.state.to_string())
        };
        let mut said = json!({"peers_measured": true, "installed": self.installed(now)});
        if news {
            said["ack"] = self.ack(&package, poll["nonce"].as_str().unwrap());
        }
        let proof = json!({"epoch": package.epoch, "version": package.version,
                           "digest": package.digest});
        let successor = state(self.successor).as_deref() == Some("active");
        if successor && !self.canaries.iter().any(|one| one == self.successor) {
            let csr = TestKey::new().csr("x", &[]);
            let ask = json!({"purpose": "canary", "issuer": "workloads", "csr_pem": csr});
            let canary = self.enrolled.api.post("/agent/v1/certificates", &ask).await.ok();
            self.canaries.push(canary["authority"].as_str().unwrap().to_owned());
        }
        // Again each time: the package may have changed between the poll and the look at it.
        if successor {
            let mut barrier = proof.clone();
            barrier["authority"] = json!(self.successor);
            barrier["handshakes"] = json!(3);
            barrier["first_ms"] = json!(now - 500);
            barrier["last_ms"] = json!(now);
            said["barrier"] = json!([barrier]);
        }
        if !poll["renew"].as_array().unwrap().is_empty() && self.leaf["authority"] == "workloads-g1"
        {
            let old = self.fingerprint();
            if self.renew().await {
                self.old = old;
                said["installed"] = self.installed(now);
            }
        }
        if let Some(behind) = self.sees_old_ms.filter(|_| !self.old.is_empty()) {
            let seen = json!({"fingerprint": self.old, "last_seen_ms": now - behind});
            said["peers"] = json!([seen]);
        }
        if state("workloads-g1").as_deref() == Some("revoked") {
            let mut distrust = proof.clone();
            distrust["authority"] = json!("workloads-g1");
            distrust["refusal"] = json!("alert: unknown_ca");
            distrust["refused_at_ms"] = json!(now);
            distrust["control_authority"] = json!(self.successor);
            distrust["control_at_ms"] = json!(now + 5);
            said["distrust"] = json!([distrust]);
        }
        self.report(said, crls_of(server, &status).await).await;
    }

    async fn status(&self, _: &PackageRef) -> skink_trust::Status {
        let envelope = self.enrolled.api.get("/agent/v1/package").await.bytes;
        let parsed =
            skink_trust::Envelope::parse(&envelope, &skink_trust::Limits::default()).unwrap();
        let path = format!("/agent/v1/part/{}", parsed.manifest().status);
        skink_trust::Status::parse(&self.enrolled.api.get(&path).await.bytes).unwrap()
    }
}

/// Every list of the package as it is read back from its distribution point.
async fn crls_of(server: &TestServer, status: &skink_trust::Status) -> Vec<Value> {
    let mut crls = Vec::new();
    for entry in &status.crls {
        let der = server.public().get(&entry.scope).await.bytes;
        let Ok(list) = skink_x509::crl::Crl::from_der(&der) else { continue };
        let number = list.number().map(ToString::to_string).unwrap_or_default();
        crls.push(json!({"scope": entry.scope, "number": number,
                         "digest": Fingerprint::of(&der).to_string(), "at_ms": 0}));
    }
    crls
}

pub(crate) async fn server() -> TestServer {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let public = listener.local_addr().unwrap();
    drop(listener);
    let mut config = config();
    config.listen.public = public;
    config.public.base_url = format!("http://{public}");
    config.incident.settle_ms = 100;
    config.incident.quiet_ms = 300;
    config.incident.clock_offset_max_ms = 200;
    config.incident.tick_ms = 100;
    config.incident.wave_size = 1;
    config.contacts.insert("management".into(), vec!["boss@example.test".into()]);
    TestServer::start_with(config).await
}

pub(crate) fn share(server: &TestServer, custodian: &str) -> Value {
    let kit = server.made.kits.iter().find(|path| path.to_string_lossy().contains("workloads-g1"));
    let text = std::fs::read_to_string(kit.unwrap()).unwrap();
    let file = KitFile::from_json(&text).unwrap();
    let passphrase = format!("passphrase of {custodian}").into();
    let share = file.sealed().open_share(custodian, &passphrase).unwrap();
    json!({"kit": text, "custodian": custodian, "share": serde_json::to_string(&share).unwrap()})
}

pub(crate) async fn look(person: &Api, id: &str) -> Value {
    person.get(&format!("/api/v1/incidents/{id}")).await.ok()
}

/// Gives what is asked for, as two people.
pub(crate) async fn approve(server: &TestServer, incident: &Value) {
    let id = incident["id"].as_str().unwrap();
    for wanted in incident["approvals"].as_array().unwrap() {
        let step = wanted["step"].as_str().unwrap();
        for name in ["lea", "cid"] {
            let given = wanted["given"].as_array().unwrap().iter().any(|by| by["operator"] == name);
            if given {
                continue;
            }
            let person = server.operator(name);
            if step == "kit" {
                let body = share(server, name);
                person.post(&format!("/api/v1/incidents/{id}/kit"), &body).await.ok();
            } else {
                let path = format!("/api/v1/incidents/{id}/approve");
                person.post(&path, &json!({"step": step})).await.ok();
                let again = person.post(&path, &json!({"step": step})).await;
                assert!(again.status >= 400, "one person approved twice");
            }
        }
    }
}

pub(crate) async fn drive(server: &TestServer, parties: &mut [Party], id: &str) -> Value {
    let (lea, began) = (server.operator("lea"), Instant::now());
    loop {
        let incident = look(&lea, id).await;
        if incident["state"] == "closed" {
            return incident;
        }
        assert!(began.elapsed() < LIMIT, "{incident:#}");
        approve(server, &incident).await;
        for party in &mut *parties {
            party.live(server).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_authority_is_survived() {
    let server = server().await;
    let mut parties =
        vec![Party::join(&server, "web-1").await, Party::join(&server, "web-2").await];
    for party in &mut parties {
        party.live(&server).await;
    }
    let lea = server.operator("lea");
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "copied",
                         "suspected_since_ms": 1_000_000, "drill": true, "summary": "a test"});

    // 1. A dry run counts and changes nothing.
    let mut dry = declare.clone();
    dry["dry_run"] = json!(true);
    let shown = lea.post("/api/v1/incidents", &dry).await.ok();
    assert_eq!(shown["triage"]["certificates"], 2);
    assert_eq!(shown["forecast"]["waves"], 2);
    assert!(lea.get("/api/v1/incidents").await.ok().as_array().unwrap().is_empty());

    // 2. Declared; a second time is refused.
    let incident = lea.post("/api/v1/incidents", &declare).await.ok();
    let id = incident["id"].as_str().unwrap().to_owned();
    lea.post("/api/v1/incidents", &declare).await.problem("incident-open");

    // 3. It reaches its end.
    let incident = drive(&server, &mut parties, &id).await;
    assert!(incident["gates"].as_array().unwrap().iter().all(|gate| gate["open"] == true));
    assert!(incident["checkpoints"].as_array().unwrap().iter().all(|c| !c["actual_s"].is_null()));
    assert_eq!(incident["successor"], "workloads-g2");
    assert_eq!(incident["key"]["disabled"], true);
    assert_eq!(incident["key"]["refusal_code"], "software:KeyDisabled");
    assert_eq!(incident["certificates"]["reissued"], 2);
    assert!(incident["certificates"]["revoked"].as_u64().unwrap() >= 2);
    assert_eq!(incident["crl"]["read_back"], true);
    assert!(parties.iter().all(|party| party.leaf["authority"] == "workloads-g2"));

    // 4. What it left.
    let authorities = lea.get("/api/v1/authorities").await.ok();
    let old =
        authorities.as_array().unwrap().iter().find(|one| one["id"] == "workloads-g1").unwrap();
    assert_eq!(old["state"], "distrusted");
    assert_eq!(lea.get("/api/v1/journal/verify").await.ok()["verified"], true);
    let report = lea.get(&format!("/api/v1/incidents/{id}/report.json")).await.ok();
    assert_eq!(report["approvals"].as_array().unwrap().len(), 6);
    assert!(report["evidence"].as_array().unwrap().len() >= 10);
    let markdown = lea.get(&format!("/api/v1/incidents/{id}/report.md")).await;
    assert!(String::from_utf8_lossy(&markdown.bytes).contains("# Drill report"));
    let dir = server.server_dir().join("incidents").join(&id);
    for file in
        ["report.md", "report.json", "notices/management.txt", "evidence/closing/manifest.json"]
    {
        assert!(dir.join(file).exists(), "{file}");
    }
    server.running.stop().await;
}

/// A host's word on when it saw a peer is by the host's clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_a_slow_clock_that_sees_old_peers_keeps_the_quiet_gate_shut() {
    let server = server().await;
    let mut parties = [Party::join(&server, "web-1").await];
    parties[0].live(&server).await;
    let lea = server.operator("lea");
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "copied",
                         "drill": true});
    let id = lea.post("/api/v1/incidents", &declare).await.ok();
    let id = id["id"].as_str().unwrap().to_owned();
    let quiet = |incident: &Value| {
        let gates = incident["gates"].as_array().unwrap();
        gates.iter().find(|gate| gate["name"] == "quiet").map(|gate| gate["open"] == true)
    };
    // The barrier takes no proof of a clock that is off: it falls behind afterwards.
    let (began, mut moved) = (Instant::now(), None);
    loop {
        let incident = look(&lea, &id).await;
        assert!(began.elapsed() < LIMIT, "{incident:#}");
        approve(&server, &incident).await;
        if incident["gates"]
            .as_array()
            .unwrap()
            .iter()
            .any(|gate| gate["name"] == "barrier" && gate["open"] == true)
        {
            parties[0].sees_old_ms = Some(60_000);
        }
        parties[0].live(&server).await;
        assert_ne!(quiet(&incident), Some(true), "{incident:#}");
        if parties[0].leaf["authority"] == "workloads-g2" {
            let moved = *moved.get_or_insert_with(Instant::now);
            if moved.elapsed() > Duration::from_secs(3) {
                break;
            }
        }
    }
    parties[0].sees_old_ms = None;
    let incident = drive(&server, &mut parties, &id).await;
    assert_eq!(quiet(&incident), Some(true));
    server.running.stop().await;
}

/// Everything of an incident once more, with the server stopped and started at every turn.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_restarted_again_and_again_gets_there() {
    let mut server = server().await;
    let mut parties = [Party::join(&server, "web-1").await];
    parties[0].live(&server).await;
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "copied",
                         "drill": true});
    let incident = server.operator("lea").post("/api/v1/incidents", &declare).await.ok();
    let id = incident["id"].as_str().unwrap().to_owned();
    let (began, mut restarts) = (Instant::now(), 0);
    let events = loop {
        let incident = look(&server.operator("lea"), &id).await;
        if incident["state"] == "closed" {
            break events_of(&server, &id).await;
        }
        assert!(began.elapsed() < LIMIT, "{incident:#}");
        approve(&server, &incident).await;
        parties[0].move_to(&server);
        parties[0].live(&server).await;
        if restarts < 8 {
            server = server.restart().await;
            parties[0].move_to(&server);
            restarts += 1;
        }
    };
    let done: Vec<_> = events.iter().filter(|event| event["kind"] == "done").collect();
    let keys: std::collections::BTreeSet<String> =
        done.iter().map(|event| event["body"]["key"].to_string()).collect();
    assert_eq!(keys.len(), done.len(), "an effect was recorded twice");
    let lea = server.operator("lea");
    assert_eq!(lea.get("/api/v1/journal/verify").await.ok()["verified"], true);
    server.running.stop().await;
}

pub(crate) async fn events_of(server: &TestServer, id: &str) -> Vec<Value> {
    let path = format!("/api/v1/incidents/{id}/events?limit=500");
    let page = server.operator("lea").get(&path).await.ok();
    page["items"].as_array().unwrap().clone()
}

/// A rotation taints nobody and revokes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_leaves_no_scar() {
    let server = server().await;
    let mut parties = [Party::join(&server, "web-1").await];
    parties[0].live(&server).await;
    let lea = server.operator("lea");
    let declare = json!({"plan": "rotation", "authority": "workloads-g1", "trigger": "planned"});
    let incident = lea.post("/api/v1/incidents", &declare).await.ok();
    let incident = drive(&server, &mut parties, incident["id"].as_str().unwrap()).await;
    assert_eq!(incident["certificates"]["revoked"], 0);
    assert_eq!(incident["successor"], "workloads-g2");
    let authorities = lea.get("/api/v1/authorities").await.ok();
    let old = authorities.as_array().unwrap().iter().find(|one| one["id"] == "workloads-g1");
    assert_eq!(old.unwrap()["state"], "retired");

    // Nothing is left to move away from it: tainted, its key is denied with the very next package,
    // and it is not trusted again for the sake of a transition.
    let before = lea.get("/api/v1/trust").await.ok();
    assert_eq!(before["denied_keys"], json!([]));
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "copied"});
    let incident = lea.post("/api/v1/incidents", &declare).await.ok();
    let id = incident["id"].as_str().unwrap().to_owned();
    until(&lea, &id, |incident| !incident["approvals"].as_array().unwrap().is_empty()).await;
    approve(&server, &look(&lea, &id).await).await;
    let past_containment = |incident: &Value| {
        incident["approvals"].as_array().unwrap().iter().any(|wanted| wanted["step"] == "kit")
    };
    until(&lea, &id, past_containment).await;
    let old = lea.get("/api/v1/authorities/workloads-g1").await.ok();
    let trust = lea.get("/api/v1/trust").await.ok();
    assert!(trust["version"].as_u64() > before["version"].as_u64());
    assert_eq!(trust["denied_keys"], json!([old["key_digest"]]), "{old:#}");
    server.running.stop().await;
}

/// A false alarm gives the authority back; a taint cannot be taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_alarm_is_stood_down() {
    let server = server().await;
    let lea = server.operator("lea");
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "used"});
    let incident = lea.post("/api/v1/incidents", &declare).await.ok();
    let id = incident["id"].as_str().unwrap().to_owned();
    let key = TestKey::new();
    let request = json!({
        "issuer": "workloads", "profile": "server", "csr_pem": key.csr("web", &["web.example.test"]),
    });
    until(&lea, &id, |incident| !incident["approvals"].as_array().unwrap().is_empty()).await;
    lea.post("/api/v1/certificates", &request).await.problem("authority-frozen");
    let path = format!("/api/v1/incidents/{id}/stand-down");
    lea.post(&path, &json!({"reason": "a test key"})).await.ok();
    until(&lea, &id, |incident| incident["state"] == "stood-down").await;
    lea.post("/api/v1/certificates", &request).await.ok();

    let incident = lea.post("/api/v1/incidents", &declare).await.ok();
    let id = incident["id"].as_str().unwrap().to_owned();
    until(&lea, &id, |incident| !incident["approvals"].as_array().unwrap().is_empty()).await;
    approve(&server, &look(&lea, &id).await).await;
    until(&lea, &id, |incident| incident["key"]["disabled"] == true).await;
    let path = format!("/api/v1/incidents/{id}/stand-down");
    lea.post(&path, &json!({"reason": "too late"})).await.problem("conflict");
    let refused = lea.post("/api/v1/certificates", &request).await;
    assert_eq!(refused.status, 503, "nothing is issued from a tainted authority");
    server.running.stop().await;
}

pub(crate) async fn until(person: &Api, id: &str, met: impl Fn(&Value) -> bool) {
    let began = Instant::now();
    loop {
        let incident = look(person, id).await;
        if met(&incident) {
            return;
        }
        assert!(began.elapsed() < LIMIT, "{incident:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What is answered is true: the authority is frozen with the declaration, whoever froze it before,
/// and neither one person's thaw nor a hold leaves it to the thief.
#[tokio::test(flavor = "multi_thread")]
async fn neither_a_thaw_nor_a_hold_stands_in_the_way_of_containment() {
    let server = server().await;
    let (lea, oscar) = (server.operator("lea"), server.operator("oscar"));
    let reason = json!({"reason": "looks odd"});
    oscar.post("/api/v1/authorities/workloads-g1/freeze", &reason).await.ok();
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "used"});
    let incident = lea.post("/api/v1/incidents", &declare).await.ok();
    let id = incident["id"].as_str().unwrap().to_owned();
    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    oscar.post("/api/v1/certificates", &ask).await.problem("authority-frozen");
    let thaw = lea.post("/api/v1/authorities/workloads-g1/unfreeze", &reason).await;
    thaw.problem("incident-open");

    let hold = format!("/api/v1/incidents/{id}/hold");
    oscar.post(&hold, &reason).await.problem("forbidden");
    lea.post(&hold, &reason).await.ok();
    until(&lea, &id, |incident| !incident["approvals"].as_array().unwrap().is_empty()).await;
    approve(&server, &look(&lea, &id).await).await;
    until(&lea, &id, |incident| incident["key"]["disabled"] == true).await;
    let incident = look(&lea, &id).await;
    assert_eq!(incident["state"], "held");
    let replace = incident["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["name"] == "replace")
        .unwrap();
    assert_ne!(replace["state"], "through", "a held incident begins nothing after containment");
    server.running.stop().await;
}

/// A second name is not a second person, and who decides is named before the bad day.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_second_person_of_himself() {
    let server = server().await;
    let (lea, cid) = (server.operator("lea"), server.operator("cid"));
    let register = async |name: &str| {
        let made = lea.post("/api/v1/operators", &json!({"name": name, "role": "ciso"})).await.ok();
        Api { token: Some(made["token"].as_str().unwrap().to_owned()), ..server.operator("lea") }
    };
    let (bob, before) = (register("bob").await, register("bea").await);
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "used"});
    let id = lea.post("/api/v1/incidents", &declare).await.ok()["id"].as_str().unwrap().to_owned();
    let late = register("liz").await;
    until(&lea, &id, |incident| !incident["approvals"].as_array().unwrap().is_empty()).await;
    let (path, taint) = (format!("/api/v1/incidents/{id}/approve"), json!({"step": "taint"}));
    late.post(&path, &taint).await.problem("forbidden");
    bob.post(&path, &taint).await.ok();
    lea.post(&path, &taint).await.problem("same-person");
    before.post(&path, &taint).await.problem("same-person");
    assert_ne!(look(&lea, &id).await["key"]["disabled"], true);

    // Who is an operator no more decides nothing: his word is taken back, and nothing is stuck.
    let out = cid.send(Method::DELETE, "/api/v1/operators/bob", None).await;
    assert_eq!(out.status, 200, "{}", String::from_utf8_lossy(&out.bytes));
    let waiting = look(&lea, &id).await["approvals"].clone();
    assert_eq!(waiting[0]["given"], json!([]), "{waiting:#}");
    approve(&server, &look(&lea, &id).await).await;
    until(&lea, &id, |incident| incident["key"]["disabled"] == true).await;
    server.running.stop().await;
}

/// Credentials of standbys are made on the host that holds the keys: when that was taken, the kit
/// is the thief's as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_host_takes_the_kit_along() {
    let server = server().await;
    let lea = server.operator("lea");
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "host"});
    let id = lea.post("/api/v1/incidents", &declare).await.ok()["id"].as_str().unwrap().to_owned();
    until(&lea, &id, |incident| !incident["approvals"].as_array().unwrap().is_empty()).await;
    approve(&server, &look(&lea, &id).await).await;
    until(&lea, &id, |incident| incident["key"]["disabled"] == true).await;
    let standby = lea.get("/api/v1/authorities/workloads-g2").await.ok();
    assert_eq!(standby["state"], "tainted");
    let trust = lea.get("/api/v1/trust").await.ok();
    assert_eq!(trust["denied_keys"], json!([standby["key_digest"]]));
    let released = lea.post(&format!("/api/v1/incidents/{id}/kit"), &share(&server, "lea")).await;
    assert!(released.status >= 400, "a kit that lay on a stolen host was taken");
    server.running.stop().await;
}
