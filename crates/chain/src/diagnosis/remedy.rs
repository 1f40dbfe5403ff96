//! What mends it: commands and configuration lines to copy.

use serde::Serialize;
use skink_path::PeerName;
use skink_x509::{Certificate, GeneralName, KeyAlgorithm};

use super::{Examined, Place, Stage, State, Step, is_self_signed};
use crate::draw::label;
use crate::finding::Finding;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// What it is for, in a sentence.
    pub why: String,
    /// Commands to run, or lines to write, in this order.
    pub commands: Vec<String>,
}

/// What mends the stages that are wrong, the most pressing first.
pub(super) fn remedies(examined: &Examined<'_>, stages: &[Stage]) -> Vec<Remedy> {
    let advice = Advice { examined };
    let mut remedies = Vec::new();
    let wrong = |step| stages.iter().find(|it| it.step == step && it.state == State::Wrong);
    let leaf_is_bad = advice.leaf_has(stages, &["revoked", "denied-key", "weak-key"]);
    let leaf_is_over = advice.leaf_has(stages, &OF_LEAF);
    let self_signed = stages.iter().flat_map(|it| &it.findings).any(|it| it.code == "self-signed");
    if leaf_is_bad {
        remedies.push(advice.new_key());
    } else if leaf_is_over || self_signed {
        remedies.push(advice.new_certificate());
    }
    if wrong(Step::Key).is_some() {
        remedies.push(advice.find_key());
    }
    if wrong(Step::Completeness).is_some() {
        remedies.push(advice.complete());
    } else if wrong(Step::Order).is_some() {
        remedies.push(advice.reorder());
    }
    if wrong(Step::Trust).is_some() && !self_signed {
        remedies.push(advice.trust());
    }
    if let Some(stage) = wrong(Step::Revocation).filter(|_| !leaf_is_bad) {
        remedies.extend(advice.fetch_lists(stage));
    }
    // Whatever is left says by itself what to do.
    let mut told: Vec<&Finding> = Vec::new();
    for finding in stages.iter().flat_map(|it| &it.findings).filter(|it| it.is_error()) {
        let by_command = remedies.iter().any(|_| advice.is_covered(finding));
        if !by_command && !told.iter().any(|it| it.code == finding.code) {
            told.push(finding);
            let why = format!("{}: {}", finding.code, finding.fix);
            remedies.push(Remedy { why, commands: Vec::new() });
        }
    }
    remedies
}

struct Advice<'e, 's> {
    examined: &'e Examined<'s>,
}

/// Findings that the commands above mend.
const OF_LEAF: [&str; 9] = [
    "revoked",
    "denied-key",
    "weak-key",
    "weak-signature-algorithm",
    "expired",
    "not-yet-valid",
    "name-mismatch",
    "purpose",
    "key-usage",
];
const OF_CHAIN: [&str; 6] =
    ["key-mismatch", "incomplete-chain", "wrong-order", "untrusted-root", "self-signed", "no-crl"];

impl Advice<'_, '_> {
    fn leaf(&self) -> &Certificate {
        &self.examined.leaf.certificate
    }

    fn leaf_has(&self, stages: &[Stage], codes: &[&str]) -> bool {
        let leaf = Some(self.leaf().fingerprint());
        let all = stages.iter().flat_map(|it| &it.findings);
        all.filter(|it| it.is_error()).any(|it| it.certificate == leaf && codes.contains(&it.code))
    }

    fn is_covered(&self, finding: &Finding) -> bool {
        let of_leaf = finding.certificate == Some(self.leaf().fingerprint());
        OF_CHAIN.contains(&finding.code) || of_leaf && OF_LEAF.contains(&finding.code)
    }

    /// The files as they are written on a command line; a server's chain is fetched first.
    fn files(&self) -> (Vec<String>, String) {
        match &self.examined.symptoms.place {
            Place::Files(files) => (Vec::new(), files.join(" ")),
            Place::Server(server) => {
                let fetch = format!("skink chain fetch {server} > presented.pem");
                (vec![fetch], "presented.pem".to_owned())
            }
        }
    }

    fn new_key(&self) -> Remedy {
        let algorithm = match self.leaf().public_key().algorithm() {
            KeyAlgorithm::Rsa2048
            | KeyAlgorithm::Rsa3072
            | KeyAlgorithm::Rsa4096
            | KeyAlgorithm::RsaOther => "RSA -pkeyopt rsa_keygen_bits:3072",
            _ => "EC -pkeyopt ec_paramgen_curve:P-256",
        };
        let mut commands = vec![
            format!("openssl genpkey -algorithm {algorithm} -out new.key"),
            self.request("new.key"),
        ];
        commands.extend(self.install());
        let why = format!(
            "make a new key for {} and have a certificate issued for it: the old one stays bad",
            label(self.leaf())
        );
        Remedy { why, commands }
    }

    fn new_certificate(&self) -> Remedy {
        let mut commands = vec![self.request("privkey.pem")];
        commands.extend(self.install());
        let name = label(self.leaf());
        let why = if is_self_signed(self.leaf()) {
            format!("have a certificate issued for {name} by an authority that clients trust")
        } else if self.leaf().not_before() > self.examined.symptoms.settings.time {
            format!("if the clock is right, wait, or have {name} issued with an earlier begin")
        } else {
            format!("have a certificate issued anew for {name}, by {}", self.leaf().issuer())
        };
        Remedy { why, commands }
    }

    /// What is done with the answer to a request: judged as the diagnosis was, the issuer fetched.
    fn install(&self) -> [String; 2] {
        let options = spaced(&self.examined.symptoms.options);
        [
            "# hand request.csr to the issuer; then, with what comes back:".to_owned(),
            format!("skink chain fix issued.pem --aia{options} --out /etc/ssl/site"),
        ]
    }

    /// A request with all names, the one that was asked for included.
    fn request(&self, key: &str) -> String {
        let mut names: Vec<String> =
            self.leaf().subject_alt_names().iter().filter_map(alternative).collect();
        let wanted = match &self.examined.symptoms.settings.name {
            PeerName::Dns(name) => Some(format!("DNS:{name}")),
            PeerName::Ip(ip) => Some(format!("IP:{ip}")),
            PeerName::Email(mailbox) => Some(format!("email:{mailbox}")),
            PeerName::Uri(uri) => Some(format!("URI:{uri}")),
            _ => None,
        };
        names.extend(wanted.filter(|wanted| !names.contains(wanted)));
        let names = if names.is_empty() { "DNS:NAME".to_owned() } else { names.join(",") };
        format!(
            "openssl req -new -key {key} -subj {} -addext subjectAltName={} -out request.csr",
            quoted(&format!("/CN={}", label(self.leaf()).replace('/', "_"))),
            quoted(&names)
        )
    }

    fn find_key(&self) -> Remedy {
        let (mut commands, files) = self.files();
        let certificate = files.split(' ').next().unwrap_or("cert.pem").to_owned();
        commands.push(format!(
            "for key in /etc/ssl/private/* /etc/letsencrypt/live/*/privkey.pem; do \
             skink chain match \"$key\" {certificate} && echo \"$key\"; done"
        ));
        let why = "find the private key that the certificate was requested with; if it is lost, \
                   make a new one and have a new certificate issued";
        Remedy { why: why.to_owned(), commands }
    }

    fn complete(&self) -> Remedy {
        let top = self.examined.presented_chain.last().unwrap_or(self.leaf());
        let (mut commands, files) = self.files();
        let why = format!("add the missing issuer {} to what the server sends", top.issuer());
        if top.ca_issuers_uris().is_empty() {
            commands.push(format!("# get the certificate of {} from its operator", top.issuer()));
            commands.push(self.fix(&format!("{files} issuer.pem")));
        } else {
            commands.push(self.fix(&format!("{files} --aia")));
        }
        commands.extend(server_lines());
        Remedy { why, commands }
    }

    fn reorder(&self) -> Remedy {
        let (mut commands, files) = self.files();
        commands.push(self.fix(&files));
        commands.extend(server_lines());
        let why = "send the leaf first, then each issuer, and nothing else".to_owned();
        Remedy { why, commands }
    }

    /// The command that writes what the server should have.
    fn fix(&self, what: &str) -> String {
        let mut options = self.examined.symptoms.options.clone();
        let root_is_at_hand = self.examined.chain.last().is_some_and(is_self_signed);
        if !self.examined.judgement.reached_anchor && root_is_at_hand {
            options.push("--trusted root.pem".to_owned());
        }
        let options = spaced(&options);
        format!("skink chain fix {what}{options} --out /etc/ssl/site")
    }

    fn trust(&self) -> Remedy {
        let top = self.examined.chain.last().unwrap_or(self.leaf());
        let at_hand = is_self_signed(top);
        let name = if at_hand { label(top) } else { top.issuer().to_string() };
        let why = format!("if {name} is yours, trust it where the clients run; else do not");
        let get = (!at_hand).then(|| format!("# get root.pem, {name}, from its operator"));
        let mut commands = Vec::from_iter(get);
        commands.extend([
            "skink chain trust install root.pem --dry-run".to_owned(),
            "# or for one client: curl --cacert root.pem, SSL_CERT_FILE=root.pem".to_owned(),
            "# here: add --trusted root.pem".to_owned(),
        ]);
        Remedy { why, commands }
    }

    fn fetch_lists(&self, stage: &Stage) -> Option<Remedy> {
        let lacks = |it: &Finding| {
            matches!(
                it.code,
                "no-crl"
                    | "stale-crl"
                    | "crl-lacks-reasons"
                    | "crl-out-of-scope"
                    | "crl-wrong-key"
                    | "crl-bad-signature"
            )
        };
        let finding = stage.findings.iter().find(|it| it.is_error() && lacks(it))?;
        let all = self.examined.chain.iter();
        let whose = all.clone().find(|it| Some(it.fingerprint()) == finding.certificate);
        let mut commands: Vec<_> = whose
            .unwrap_or(self.leaf())
            .crl_distribution_points()
            .iter()
            .map(|uri| format!("curl -sS -o current.crl {}", quoted(uri)))
            .collect();
        if commands.is_empty() {
            commands.push("# the certificate names no list: ask its issuer".to_owned());
        }
        let (_, files) = self.files();
        commands.push(format!("skink chain diagnose {files} current.crl"));
        Some(Remedy { why: "get a current revocation list and look again".to_owned(), commands })
    }
}

fn spaced(options: &[String]) -> String {
    options.iter().flat_map(|it| [" ", it.as_str()]).collect()
}

fn server_lines() -> [String; 3] {
    [
        "# nginx:   ssl_certificate /etc/ssl/site/fullchain.pem;".to_owned(),
        "# Apache:  SSLCertificateFile /etc/ssl/site/fullchain.pem".to_owned(),
        "# HAProxy: cat /etc/ssl/site/fullchain.pem privkey.pem > site.pem".to_owned(),
    ]
}

fn alternative(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Dns(name) => Some(format!("DNS:{name}")),
        GeneralName::Ip(ip) => Some(format!("IP:{ip}")),
        GeneralName::Email(mailbox) => Some(format!("email:{mailbox}")),
        GeneralName::Uri(uri) => Some(format!("URI:{uri}")),
        _ => None,
    }
}

/// For a POSIX shell: what a certificate says must not become a command.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":/.,@_-+=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let printable = text.chars().filter(|it| !it.is_control()).collect::<String>();
    format!("'{}'", printable.replace('\'', "'\\''"))
}
