//! What mends it: commands and configuration lines to copy.

use serde::Serialize;
use skink_path::{PeerName, Revocation};
use skink_x509::{Certificate, Fingerprint, GeneralName, KeyAlgorithm, Plain};

use super::{Examined, Place, Stage, State, Step, Symptoms, is_self_signed};
use crate::draw::label;
use crate::finding::Finding;
use crate::shell::shell_word;

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
    let mut mended: Vec<Mended> = Vec::new();
    let wrong = |step| stages.iter().find(|it| it.step == step && it.state == State::Wrong);
    let leaf = Some(advice.leaf().fingerprint());
    let leaf_is_bad = advice.leaf_has(stages, &["revoked", "denied-key", "weak-key"]);
    let leaf_is_over = advice.leaf_has(stages, &OF_LEAF);
    let self_signed = stages.iter().flat_map(|it| &it.findings).any(|it| it.code == "self-signed");
    if leaf_is_bad {
        remedies.push(advice.new_key());
    } else if leaf_is_over || self_signed {
        remedies.push(advice.new_certificate());
    }
    if !remedies.is_empty() {
        mended.push((leaf, &OF_LEAF));
        mended.push((None, &["self-signed"]));
    }
    if wrong(Step::Key).is_some() {
        remedies.push(advice.find_key());
        mended.push((None, &["key-mismatch"]));
    }
    if wrong(Step::Completeness).is_some() {
        remedies.push(advice.complete());
        mended.push((None, &["incomplete-chain", "wrong-order"]));
    } else if wrong(Step::Order).is_some() {
        remedies.push(advice.reorder());
        mended.push((None, &["wrong-order"]));
    }
    if wrong(Step::Trust).is_some() && !self_signed {
        remedies.push(advice.trust());
        mended.push((None, &["untrusted-root"]));
    }
    if let Some(stage) = wrong(Step::Revocation).filter(|_| !leaf_is_bad)
        && let Some(remedy) = advice.fetch_lists(stage)
    {
        remedies.push(remedy);
        mended.push((None, &LACKS_LIST));
    }
    // Whatever is left says by itself what to do.
    let by_command = |it: &Finding| {
        mended.iter().any(|(whose, codes)| {
            (whose.is_none() || *whose == it.certificate) && codes.contains(&it.code)
        })
    };
    let mut told: Vec<&'static str> = Vec::new();
    let errors = stages.iter().flat_map(|it| &it.findings).filter(|it| it.is_error());
    for finding in errors.filter(|it| !by_command(it)) {
        if !told.contains(&finding.code) {
            told.push(finding.code);
            let why = format!("{}: {}", finding.code, finding.fix);
            remedies.push(Remedy { why, commands: Vec::new() });
        }
    }
    remedies
}

/// Whose findings a remedy mends, none for everybody's, and of which codes.
type Mended = (Option<Fingerprint>, &'static [&'static str]);

struct Advice<'e, 's> {
    examined: &'e Examined<'s>,
}

/// What a new certificate mends.
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
/// What a current list mends.
const LACKS_LIST: [&str; 6] = [
    "no-crl",
    "stale-crl",
    "crl-lacks-reasons",
    "crl-out-of-scope",
    "crl-wrong-key",
    "crl-bad-signature",
];

/// What is to be written on a command line.
struct Given {
    /// Commands that make the files, where there are none yet: a server's chain is fetched.
    before: Vec<String>,
    /// The files.
    files: Vec<String>,
}

impl Advice<'_, '_> {
    fn leaf(&self) -> &Certificate {
        &self.examined.leaf.certificate
    }

    fn leaf_has(&self, stages: &[Stage], codes: &[&str]) -> bool {
        let leaf = Some(self.leaf().fingerprint());
        let all = stages.iter().flat_map(|it| &it.findings);
        all.filter(|it| it.is_error()).any(|it| it.certificate == leaf && codes.contains(&it.code))
    }

    fn given(&self) -> Given {
        match &self.examined.symptoms.place {
            Place::Files(files) => Given { before: Vec::new(), files: files.clone() },
            Place::Server(server) => {
                let fetch = format!("skink chain fetch {server} > presented.pem");
                Given { before: vec![fetch], files: vec!["presented.pem".to_owned()] }
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
            shell_word(&format!("/CN={}", label(self.leaf()).replace('/', "_"))),
            shell_word(&names)
        )
    }

    fn find_key(&self) -> Remedy {
        let Given { before: mut commands, files } = self.given();
        let certificate = files.first().map_or("cert.pem", String::as_str);
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
        let why = format!("add the missing issuer {} to what the server sends", top.issuer());
        // `--aia` asks over plain HTTP alone.
        if top.ca_issuers_uris().iter().any(|it| it.starts_with("http://")) {
            return Remedy { why, commands: self.fix(None, " --aia") };
        }
        let get = format!("# get the certificate of {} from its operator", top.issuer());
        Remedy { why, commands: self.fix(Some(get), " issuer.pem") }
    }

    fn reorder(&self) -> Remedy {
        let why = "send the leaf first, then each issuer, and nothing else".to_owned();
        Remedy { why, commands: self.fix(None, "") }
    }

    /// The commands that write what the server should have, after what gets `more`.
    fn fix(&self, get: Option<String>, more: &str) -> Vec<String> {
        let Given { before: mut commands, files } = self.given();
        commands.extend(get);
        let mut options = self.examined.symptoms.options.clone();
        if !self.examined.judgement.reached_anchor
            && let Some(root) = self.root_at_hand()
        {
            commands.push(self.write_root(root));
            options.push("--trusted root.pem".to_owned());
        }
        let (files, options) = (files.join(" "), spaced(&options));
        commands.push(format!("skink chain fix {files}{more}{options} --out /etc/ssl/site"));
        commands.extend(server_lines());
        commands
    }

    fn root_at_hand(&self) -> Option<&Certificate> {
        self.examined.chain.last().filter(|it| is_self_signed(it))
    }

    /// The command that writes `root.pem`, of the files that [`Self::given`] has.
    fn write_root(&self, root: &Certificate) -> String {
        let Symptoms { beside, .. } = self.examined.symptoms;
        let files = [self.given().files, beside.clone()].concat().join(" ");
        format!("skink chain inspect {files} --pem {} > root.pem", root.fingerprint())
    }

    fn trust(&self) -> Remedy {
        let top = self.examined.chain.last().unwrap_or(self.leaf());
        let (name, mut commands) = if let Some(root) = self.root_at_hand() {
            let mut commands = self.given().before;
            commands.push(self.write_root(root));
            (label(root), commands)
        } else {
            let name = top.issuer().to_string();
            let get = format!("# get root.pem, {name}, from its operator");
            (name, vec![get])
        };
        let why = format!("if {name} is yours, trust it where the clients run; else do not");
        commands.extend([
            "skink chain trust install root.pem --dry-run".to_owned(),
            "# or for one client: curl --cacert root.pem, SSL_CERT_FILE=root.pem".to_owned(),
            "# here: add --trusted root.pem".to_owned(),
        ]);
        Remedy { why, commands }
    }

    fn fetch_lists(&self, stage: &Stage) -> Option<Remedy> {
        let lacks = |it: &&Finding| it.is_error() && LACKS_LIST.contains(&it.code);
        let lacking: Vec<_> =
            stage.findings.iter().filter(lacks).map(|it| it.certificate).collect();
        if lacking.is_empty() {
            return None;
        }
        let of_whom = |it: &&Certificate| lacking.contains(&Some(it.fingerprint()));
        let mut whose: Vec<_> = self.examined.chain.iter().filter(of_whom).collect();
        if whose.is_empty() {
            whose.push(self.leaf());
        }
        let mut uris: Vec<String> = Vec::new();
        for uri in whose.into_iter().flat_map(Certificate::crl_distribution_points) {
            if !uris.contains(&uri) {
                uris.push(uri);
            }
        }
        let (web, other): (Vec<_>, Vec<_>) = uris.into_iter().partition(|it| is_web(it));
        let Given { before: mut commands, mut files } = self.given();
        for (at, uri) in web.iter().enumerate() {
            let file = if at == 0 { "current.crl".to_owned() } else { format!("current-{at}.crl") };
            // Without globbing, and with no option behind the dashes.
            commands.push(format!("curl -gsS -o {file} -- {}", shell_word(uri)));
            files.push(file);
        }
        commands.extend(other.iter().map(|it| format!("# there is a list at {}", Plain(it))));
        if web.is_empty() {
            if other.is_empty() {
                commands.push("# the certificate names no list: ask its issuer".to_owned());
            }
            commands.push("# with the list in current.crl:".to_owned());
            files.push("current.crl".to_owned());
        }
        let mut options = self.examined.symptoms.options.clone();
        if self.examined.symptoms.settings.revocation == Revocation::Chain {
            options.push("--revocation chain".to_owned());
        }
        commands.push(format!("skink chain diagnose {}{}", files.join(" "), spaced(&options)));
        Some(Remedy { why: "get a current revocation list and look again".to_owned(), commands })
    }
}

/// Whether curl gets it over the network; the scheme is the certificate's choice.
fn is_web(uri: &str) -> bool {
    let scheme = uri.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|it| it == "http" || it == "https")
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
