//! A database with one issuer and two people, and short ways to say things.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use skink_model::{
    Approval, AuthorityCertificate, AuthorityId, CertificateId, CertificateKind, CertificateRow,
    CertificateState, Channel, Incident, IncidentId, IncidentState, Issuer, IssuerKind,
    OperatorName, Plan, Policy, Role, Severity, Stamp, Time, Trigger,
};
use skink_store::attempts::{Ask, AskRefusal, Outcome, Settlement};
use skink_store::authorities::{self, NewAuthority, TAINT_STEP};
use skink_store::issuance::{self, Finished};
use skink_store::operators::{self, NewOperator};
use skink_store::{
    Place, Store, StoreError, Tx, approvals, attempts, certificates, incidents, issuers,
};
use skink_x509::{Fingerprint, KeyAlgorithm, KeyDigest, Serial, SignatureAlgorithm};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

pub(crate) const NOW: Time = Time::from_secs(1_800_000_000);

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) dir: TempDir,
}

impl Fixture {
    /// `workloads-g1` is active, alice and bob lead.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = match std::env::var(SERVER) {
            Ok(server) => Store::at(&new_schema(&server).await).await.unwrap(),
            Err(_) => Store::open(&dir.path().join("skink.db")).await.unwrap(),
        };
        let fixture = Self { store, dir };
        fixture.store.run_tx("seed", |tx| Box::pin(seed(tx))).await.unwrap();
        fixture
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("skink.db")
    }

    /// Runs statements past the store, as somebody with the database in his hands would.
    pub(crate) async fn by_hand(&self, sql: String) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql);
        match self.store.place() {
            Place::File(path) => {
                let url = format!("sqlite:{}", path.display());
                let mut conn = SqliteConnection::connect(&url).await?;
                sqlx::raw_sql(sql).execute(&mut conn).await.map(drop)
            }
            Place::Server(options) => {
                let mut conn = PgConnection::connect_with(options).await?;
                sqlx::raw_sql(sql).execute(&mut conn).await.map(drop)
            }
        }
    }
}

/// Names the PostgreSQL database on which the tests run, each in a schema of its own: one costs a
/// tenth of the files of a database.
pub(crate) const SERVER: &str = "SKINK_STORE_TEST_POSTGRES";

/// An empty schema on `server`.
pub(crate) async fn new_schema(server: &str) -> Place {
    let name = format!("skink_{}_{}", std::process::id(), unique());
    let mut conn = PgConnection::connect(server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE SCHEMA {name}"));
    sqlx::raw_sql(create).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    format!("{server}?options=-c%20search_path%3D{name}").parse().unwrap()
}

async fn seed(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    for (name, role) in [("alice", Role::PkiLead), ("bob", Role::Ciso), ("eve", Role::Operator)] {
        let new = NewOperator {
            name: name.parse().unwrap(),
            role,
            key_digest: None,
            token_digest: Some(Fingerprint::of(name.as_bytes())),
        };
        operators::create(tx, &stamp(), &new).await?;
    }
    let issuer = Issuer {
        name: "workloads".parse().unwrap(),
        kind: IssuerKind::Issuing,
        profiles: vec!["server".parse().unwrap()],
        created_at: NOW,
    };
    issuers::create(tx, &stamp(), &issuer).await?;
    add_active(tx, 1).await
}

/// Adds a generation and activates it.
pub(crate) async fn add_active(tx: &mut Tx<'_>, generation: u32) -> Result<(), StoreError> {
    let id = add_prepared(tx, generation).await?;
    authorities::activate(tx, &stamp(), &id, None).await
}

/// Adds a generation as a standby.
pub(crate) async fn add_prepared(
    tx: &mut Tx<'_>,
    generation: u32,
) -> Result<AuthorityId, StoreError> {
    let issuer = "workloads".parse().unwrap();
    let id = AuthorityId::generation(&issuer, generation);
    let new = NewAuthority {
        id: id.clone(),
        issuer,
        generation,
        parent: None,
        key_uri: Some(format!("software:{id}")),
        key_algorithm: KeyAlgorithm::EcP256,
        key_digest: key(id.as_str()),
        csr_pem: None,
        crl_uri: None,
        crl_partitions: 1,
    };
    authorities::create(tx, &stamp(), &new).await?;
    let certificate = AuthorityCertificate {
        pem: "-----BEGIN CERTIFICATE-----".to_owned(),
        fingerprint: Fingerprint::of(id.as_str().as_bytes()),
        not_before: NOW,
        not_after: Time::from_secs(2_000_000_000),
    };
    authorities::attach_certificate(tx, &stamp(), &id, &certificate).await?;
    Ok(id)
}

pub(crate) fn stamp() -> Stamp {
    Stamp::server(NOW)
}

pub(crate) fn key(name: &str) -> KeyDigest {
    KeyDigest::from_bytes(*Fingerprint::of(name.as_bytes()).as_bytes())
}

pub(crate) fn g1() -> AuthorityId {
    "workloads-g1".parse().unwrap()
}

pub(crate) fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A linted certificate of `authority` that nobody has asked for.
pub(crate) fn linted(authority: &AuthorityId, kind: CertificateKind) -> CertificateRow {
    let number = unique();
    let mut random = [0; 16];
    random[8..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    CertificateRow {
        id: format!("{number:032x}").parse().unwrap(),
        authority: authority.clone(),
        serial: Serial::from_random(random),
        kind,
        state: CertificateState::Linted,
        profile: "server".parse().unwrap(),
        name: format!("host-{number}.example"),
        names: vec![format!("host-{number}.example")],
        key_digest: key(&format!("leaf {number}")),
        partition: 0,
        not_before: NOW,
        not_after: Time::from_secs(1_802_000_000),
        channel: Channel::Agent,
        requested_by: "agent:web-1".to_owned(),
        endpoint: None,
        agent: None,
        replaces: None,
        replaced_by: None,
        created_at: NOW,
        issued_at: None,
        fingerprint: None,
    }
}

pub(crate) fn ask_for(row: &CertificateRow) -> Ask {
    Ask {
        id: format!("a{:031x}", unique()).parse().unwrap(),
        authority: row.authority.clone(),
        key: format!("software:{}", row.authority),
        purpose: skink_model::AttemptPurpose::Certificate,
        subject: row.id.to_string(),
        algorithm: SignatureAlgorithm::EcdsaSha256,
        incident: None,
    }
}

pub(crate) fn settled(ask: &Ask, outcome: Outcome) -> Settlement {
    let request_id = (outcome == Outcome::Signed).then(|| format!("call-{}", ask.id));
    Settlement { attempt: ask.id.clone(), outcome, code: None, request_id }
}

/// Records, asks for, settles and stores a leaf.
pub(crate) async fn issue(
    store: &Store,
    row: &CertificateRow,
) -> Result<Result<CertificateId, AskRefusal>, StoreError> {
    let ask = ask_for(row);
    let asked = store.run_tx("ask", |tx| {
        let ask = &ask;
        Box::pin(async move {
            certificates::record(tx, &stamp(), std::slice::from_ref(row)).await?;
            attempts::ask(tx, NOW, std::slice::from_ref(ask)).await
        })
    });
    if let Err(refusal) = asked.await?.remove(0) {
        return Ok(Err(refusal));
    }
    let finished = finished(&ask, row);
    let finished = &finished;
    let stored = store.run_tx("finish", |tx| {
        Box::pin(async move { issuance::finish(tx, NOW, std::slice::from_ref(finished)).await })
    });
    stored.await?;
    Ok(Ok(row.id.clone()))
}

/// What the provider made of what was asked for a leaf.
pub(crate) fn finished(ask: &Ask, row: &CertificateRow) -> Finished {
    Finished {
        attempt: ask.id.clone(),
        request_id: Some(format!("call-{}", ask.id)),
        id: row.id.clone(),
        der: format!("der of {}", row.id).into_bytes(),
        replaces: row.replaces.clone(),
        by: stamp(),
    }
}

pub(crate) fn incident_id() -> IncidentId {
    "inc-1".parse().unwrap()
}

/// Declares `inc-1` about `authority`.
pub(crate) async fn declare(tx: &mut Tx<'_>, authority: AuthorityId) -> Result<(), StoreError> {
    let incident = Incident {
        id: incident_id(),
        plan: Plan::Authority,
        authority,
        state: IncidentState::Open,
        severity: Severity::Sev1,
        policy: Policy::Cutover,
        trigger: Trigger::Copied,
        suspected_since: None,
        detected_at: None,
        aware_at: None,
        declared_at: NOW,
        declared_by: "alice".parse().unwrap(),
        deadline: None,
        closed_at: None,
    };
    incidents::declare(tx, &stamp(), &incident).await
}

/// One person approves one step of `inc-1`. Says whether it is new.
pub(crate) async fn approve(
    tx: &mut Tx<'_>,
    person: &str,
    role: Role,
    step: &str,
) -> Result<bool, StoreError> {
    let person: OperatorName = person.parse().unwrap();
    let approval = Approval {
        id: format!("ap-{}", unique()).parse().unwrap(),
        incident: incident_id(),
        step: step.to_owned(),
        person: person.clone(),
        role,
        at: NOW,
    };
    approvals::give(tx, &Stamp::operator(person, NOW), &approval).await
}

/// Declares, approves by two, taints.
pub(crate) async fn taint(tx: &mut Tx<'_>, authority: &AuthorityId) -> Result<(), StoreError> {
    declare(tx, authority.clone()).await?;
    approve(tx, "alice", Role::PkiLead, TAINT_STEP).await?;
    approve(tx, "bob", Role::Ciso, TAINT_STEP).await?;
    authorities::taint(tx, &stamp(), authority, &incident_id(), None).await
}
