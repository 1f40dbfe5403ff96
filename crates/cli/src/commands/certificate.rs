//! `skink certificate`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use skink_api::{
    Certificate, IssueRequest, IssuedCertificate, KeyFound, KeyRevoked, RevokeOutcome,
    RevokeRequest, RevokeSet, SerialsRevoked,
};
use skink_chain::input::{self, Item, NoPassphrase};
use skink_model::{IssuerName, ProfileName};
use skink_x509::PublicKey;
use zeroize::Zeroizing;

use super::{Session, write_new};
use crate::Failure;
use crate::api::segment;
use crate::table::{Facts, Table, or_dash};
use crate::when::{self, Span, When};

pub(crate) const LONG: &str = "Certificates: issue, find, revoke.\n\n\
    On hosts with an agent none of this is needed: the agent asks, installs and renews. This is \
    for the rest, and for looking.";

const ISSUE_EXAMPLES: &str = "Examples:\n  \
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key \\\n    \
      -subj /CN=web.corp.example -addext subjectAltName=DNS:web.corp.example -out web.csr\n  \
    skink certificate issue --issuer workloads --profile server --csr web.csr --out web.pem";

const REVOKE_LONG: &str = "Revoke one certificate, or a set at once.\n\n\
    Name one by id, or narrow a set with --authority and more. Sets are revoked in one step, \
    however large. `--dry-run` counts first. A stolen issuing key is another matter: revoking its \
    certificates does not touch what the thief made; declare an incident.";

const FOUND_LONG: &str = "Revoke everything that was certified for a key that was found where it \
    must not be: in a repository, in a dump, on a stolen disk.\n\n\
    Every certificate of the key is found, of whichever authority, and revoked as keyCompromise in \
    one step, and the key is blocked for good: nothing is certified for it again. Of a private key \
    only the public half is sent. The key of an authority is another matter: declare an incident.";

const FOUND_EXAMPLES: &str = "Examples:\n  \
    skink certificate found-key leaked.key --in 'github.com/corp/web, commit 1a2b3c' --dry-run\n  \
    skink certificate found-key web.pem --in 'paste of 2026-11-20' --invalidity-date 3d";

const REVOKE_EXAMPLES: &str = "Examples:\n  \
    skink certificate revoke c-01ab --reason keyCompromise --invalidity-date 2d\n  \
    skink certificate revoke --authority workloads-g1 --prefix web- --reason superseded --dry-run\n  \
    skink certificate revoke --authority workloads-g1 --owner payments --reason cessationOfOperation\n  \
    skink certificate revoke --authority workloads-g1 --serials leaked.txt --reason keyCompromise";

#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// Issue a certificate for a certificate request
    #[command(after_long_help = ISSUE_EXAMPLES)]
    Issue(Issue),
    /// Certificates by the beginning of their name, serial or id
    List(List),
    /// One certificate
    Show {
        /// Its id.
        id: String,
        /// Print the PEM and nothing else.
        #[arg(long)]
        pem: bool,
    },
    /// Revoke one certificate, or a set at once
    #[command(long_about = REVOKE_LONG, after_long_help = REVOKE_EXAMPLES)]
    Revoke(Revoke),
    /// Revoke everything that was certified for a key that was found where it must not be
    #[command(long_about = FOUND_LONG, after_long_help = FOUND_EXAMPLES)]
    FoundKey(FoundKey),
}

#[derive(Debug, Args)]
pub struct FoundKey {
    /// The key, or a certificate or request of it, in any form that `skink chain` reads.
    file: PathBuf,
    /// Where it was found, for the journal.
    #[arg(long = "in", value_name = "TEXT")]
    found: String,
    /// Since when it may have been in other hands: a time, or how long ago.
    #[arg(long, value_name = "TIME")]
    invalidity_date: Option<When>,
    /// Say what would be revoked, change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Issue {
    /// The issuer's name.
    #[arg(long)]
    issuer: IssuerName,
    /// The profile.
    #[arg(long)]
    profile: ProfileName,
    /// PKCS#10 request, PEM; its subject alternative names are the names.
    #[arg(long, value_name = "FILE")]
    csr: PathBuf,
    /// How long it is valid: 12h, 30d [default: the profile's]
    #[arg(long, value_name = "SPAN")]
    lifetime: Option<Span>,
    /// The endpoint it is for.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Write certificate and chain to this file, which must not exist.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What was issued for the same key, names and profile before, if it is still good: for asking
    /// again when an answer was lost.
    #[arg(long)]
    once: bool,
    /// Check and say what would be issued, sign nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct List {
    /// Beginning of the name, serial or id.
    prefix: Option<String>,
    /// Only of this authority.
    #[arg(long, value_name = "ID")]
    authority: Option<String>,
    /// Only for this endpoint.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
}

#[derive(Debug, Args)]
pub struct Revoke {
    /// One certificate, by id.
    id: Option<String>,
    /// All of this authority that fit the other options.
    #[arg(long, value_name = "ID", conflicts_with = "id", required_unless_present = "id")]
    authority: Option<String>,
    /// Only of this profile.
    #[arg(long, requires = "authority")]
    profile: Option<ProfileName>,
    /// Only those whose name begins so.
    #[arg(long, requires = "authority")]
    prefix: Option<String>,
    /// Only for this endpoint.
    #[arg(long, value_name = "NAME", requires = "authority")]
    endpoint: Option<String>,
    /// Only for endpoints of this owner.
    #[arg(long, value_name = "NAME", requires = "authority")]
    owner: Option<String>,
    /// The serials in this file, hexadecimal, one in a line; `-` for standard input
    #[arg(long, value_name = "FILE", requires = "authority",
        conflicts_with_all = ["profile", "prefix", "endpoint", "owner"])]
    serials: Option<PathBuf>,
    /// Why, by its RFC 5280 name: keyCompromise, superseded, cessationOfOperation, …
    #[arg(long)]
    reason: String,
    /// Since when the key may have been in other hands: a time, or how long ago.
    #[arg(long, value_name = "TIME")]
    invalidity_date: Option<When>,
    /// Count, change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(command: CertificateCommand, session: &Session) -> Result<()> {
    match command {
        CertificateCommand::Issue(issue) => self::issue(session, issue).await,
        CertificateCommand::List(list) => {
            let query = [
                ("prefix", list.prefix),
                ("authority", list.authority),
                ("endpoint", list.endpoint),
            ];
            let found: Vec<Certificate> =
                session.api.pages("/api/v1/certificates", &query, list.limit).await?;
            session.out.table(&found, || table(&found))
        }
        CertificateCommand::Show { id, pem } => {
            let path = format!("/api/v1/certificates/{}", segment(&id)?);
            let certificate: Certificate = session.api.get(&path, &[]).await?;
            if pem {
                let Some(text) = certificate.certificate_pem else {
                    bail!(Failure::Refused {
                        what: format!("{id} was never issued"),
                        hint: "its state says what became of it".into(),
                    });
                };
                return session.out.show(&text, || text.clone());
            }
            session.out.show(&certificate, || facts(&certificate).to_string())
        }
        CertificateCommand::Revoke(revoke) => match &revoke.serials {
            Some(file) => revoke_serials(session, &revoke, file).await,
            None => self::revoke(session, revoke).await,
        },
        CertificateCommand::FoundKey(found) => found_key(session, found).await,
    }
}

async fn issue(session: &Session, issue: Issue) -> Result<()> {
    let request = IssueRequest {
        issuer: issue.issuer.as_str().to_owned(),
        profile: issue.profile.as_str().to_owned(),
        csr_pem: fs_err::read_to_string(&issue.csr)?,
        lifetime_s: issue.lifetime.map(Span::as_secs),
        endpoint: issue.endpoint,
        once: issue.once,
        dry_run: issue.dry_run,
    };
    let issued: IssuedCertificate = session.api.post("/api/v1/certificates", &request).await?;
    let chain = format!("{}{}", issued.certificate_pem, issued.chain_pem);
    if let (Some(out), false) = (&issue.out, issue.dry_run) {
        write_new(out, chain.as_bytes())?;
        session.out.say(&format!("wrote {}", out.display()));
    }
    session.out.show(&issued, || {
        let facts = Facts::default()
            .fact(if issue.dry_run { "would be" } else { "certificate" }, &issued.id)
            .fact("authority", &issued.authority)
            .fact("serial", &issued.serial)
            .fact("valid from", when::show(issued.not_before_ms))
            .fact("valid until", when::show(issued.not_after_ms));
        let pem = if issue.out.is_none() { chain } else { String::new() };
        format!("{facts}{pem}")
    })
}

async fn revoke(session: &Session, revoke: Revoke) -> Result<()> {
    let invalidity_date_ms = revoke.invalidity_date.map(|time| time.millis(when::now()));
    let outcome: RevokeOutcome = match (revoke.id, revoke.authority) {
        (Some(id), _) => {
            let path = format!("/api/v1/certificates/{}/revoke", segment(&id)?);
            let body = RevokeRequest {
                reason: revoke.reason,
                invalidity_date_ms,
                dry_run: revoke.dry_run,
            };
            session.api.post(&path, &body).await?
        }
        (None, authority) => {
            let set = RevokeSet {
                authority: authority.unwrap_or_default(),
                profile: revoke.profile.map(|profile| profile.as_str().to_owned()),
                prefix: revoke.prefix,
                endpoint: revoke.endpoint,
                owner: revoke.owner,
                reason: revoke.reason,
                invalidity_date_ms,
                dry_run: revoke.dry_run,
            };
            session.api.post("/api/v1/certificates/revoke", &set).await?
        }
    };
    session.out.show(&outcome, || match (outcome.dry_run, outcome.crl_number) {
        (true, _) => format!("would revoke {}; nothing was changed", outcome.revoked),
        (false, Some(number)) => format!("revoked {}; CRL {number} says so", outcome.revoked),
        (false, None) => format!("revoked {}; the next CRL will say so", outcome.revoked),
    })
}

async fn revoke_serials(session: &Session, revoke: &Revoke, file: &Path) -> Result<()> {
    let list = if file.as_os_str() == "-" {
        let mut list = Vec::new();
        std::io::stdin().read_to_end(&mut list)?;
        list
    } else {
        fs_err::read(file)?
    };
    let authority = revoke.authority.as_deref().unwrap_or_default();
    let since = revoke.invalidity_date.as_ref().map(|time| time.millis(when::now()).to_string());
    let query = [
        ("reason", Some(revoke.reason.clone())),
        ("invalidity_date_ms", since),
        ("dry_run", Some(revoke.dry_run.to_string())),
    ];
    let path = format!("/api/v1/authorities/{}/revoke", segment(authority)?);
    let outcome: SerialsRevoked = session.api.post_list(&path, &query, list).await?;
    session.out.show(&outcome, || {
        let SerialsRevoked { revoked, revoked_before, unknown, .. } = outcome;
        let others = format!("{revoked_before} were before, {unknown} are not of {authority}");
        match (outcome.dry_run, outcome.crl_number) {
            (true, _) => format!("would revoke {revoked}; {others}; nothing was changed"),
            (false, Some(number)) => format!("revoked {revoked}; {others}; CRL {number} says so"),
            (false, None) => format!("revoked {revoked}; {others}"),
        }
    })
}

async fn found_key(session: &Session, found: FoundKey) -> Result<()> {
    let request = KeyFound {
        public_key_pem: public_key(&found.file)?.to_pem(),
        found: found.found,
        invalidity_date_ms: found.invalidity_date.map(|time| time.millis(when::now())),
        dry_run: found.dry_run,
    };
    let outcome: KeyRevoked = session.api.post("/api/v1/keys/found", &request).await?;
    session.out.show(&outcome, || {
        let (count, revoked) = (outcome.certificates.len(), outcome.revoked);
        let what = if outcome.dry_run {
            format!("would revoke {revoked} of {count} and block the key; nothing was changed")
        } else {
            format!("revoked {revoked} of {count}; the key is blocked for good")
        };
        format!("{}key {}: {what}", table(&outcome.certificates), outcome.key_digest)
    })
}

/// The one public key that a file is about.
fn public_key(file: &Path) -> Result<PublicKey> {
    let bytes = Zeroizing::new(fs_err::read(file)?);
    let pieces = input::read(&bytes, &mut NoPassphrase);
    let keys = pieces.iter().filter_map(|piece| match &piece.item {
        Item::PrivateKey(key) => Some(key.public()),
        Item::PublicKey(key) => Some(key),
        Item::Certificate(certificate, _) => Some(certificate.public_key()),
        Item::Request(request) => Some(request.public_key()),
        _ => None,
    });
    let mut keys: Vec<&PublicKey> = keys.collect();
    keys.dedup_by_key(|key| key.digest());
    match keys[..] {
        [key] => Ok(key.clone()),
        [] => bail!(Failure::Usage {
            what: format!("{} has no key, certificate or request that can be read", file.display()),
            hint: "unlock it first, or take a certificate of the key".into(),
        }),
        // A chain, or a dump: which of them was found is not for us to guess.
        _ => bail!(Failure::Usage {
            what: format!("{} is about several keys", file.display()),
            hint: "put each into a file of its own, and a certificate without its chain".into(),
        }),
    }
}

fn table(certificates: &[Certificate]) -> Table {
    let head = ["id", "name", "authority", "profile", "state", "until", "endpoint"];
    let mut table = Table::new(head, "no certificates");
    for certificate in certificates {
        table.row([
            certificate.id.clone(),
            certificate.name.clone(),
            certificate.authority.clone(),
            certificate.profile.clone(),
            certificate.state.clone(),
            when::show(certificate.not_after_ms),
            or_dash(certificate.endpoint.as_ref()),
        ]);
    }
    table
}

fn facts(certificate: &Certificate) -> Facts {
    let revocation = certificate.revocation.as_ref();
    Facts::default()
        .fact("certificate", &certificate.id)
        .fact("subject", &certificate.subject)
        .fact("name", &certificate.name)
        .fact("state", &certificate.state)
        .fact("authority", &certificate.authority)
        .fact("profile", &certificate.profile)
        .fact("serial", &certificate.serial)
        .fact("valid from", when::show(certificate.not_before_ms))
        .fact("valid until", when::show(certificate.not_after_ms))
        .fact("asked by", format!("{} ({})", certificate.requested_by, certificate.channel))
        .maybe("endpoint", certificate.endpoint.as_ref())
        .maybe("replaced by", certificate.replaced_by.as_ref())
        .maybe(
            "revoked",
            revocation.map(|r| format!("{} {}", when::show(r.revoked_at_ms), r.reason)),
        )
        .maybe("fingerprint", certificate.fingerprint.as_ref())
        .fact("key digest", &certificate.key_digest)
}
