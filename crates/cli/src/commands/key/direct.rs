//! `skink key create|show|test|disable|enable|rotate|destroy`: at the provider itself, without a
//! server.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use skink_signer::KeyUri;
use skink_x509::KeyAlgorithm;

use super::{encryption, life, look};
use crate::Output;
use crate::when::Span;

const CREATE: &str = "Make a key at a provider.\n\n\
    The URI names the place and the new key: `vault:transit/issuer-1`, \
    `pkcs11:token=LABEL;object=issuer-1`, `awskms:alias/issuer-1`, `software:try-1`. The answer is \
    the key's pinned URI, which will never mean another key, and its public key. A name that is \
    taken is refused, and a name is never used twice.\n\n\
    The server makes software keys itself; for a server that issues from a key service make the \
    keys here, and name them to `skink init --issuer-key` or to `skink authority ceremony request \
    --key`.";

const CREATE_EXAMPLES: &str = "Examples:\n  \
    BAO_ADDR=https://bao:8200 skink key create vault:transit/issuer-1\n  \
    skink key create 'pkcs11:token=ca;object=issuer-1' --algorithm p384 --key-credential-file pin\n  \
    skink key create vault:transit/issuer-1 --json | jq -r .key\n  \
    skink key create vault:transit/customers --for encryption";

const SHOW: &str = "What the provider tells about a key.\n\n\
    Algorithm, state, where and when it was made, whether its material can be read out, its \
    versions and its public key. A URI that may come to mean another key (no version, an alias) is \
    pinned in the answer. What is not told is left out: that is never good news.\n\n\
    A key that this credential may not sign with counts as disabled at Vault and OpenBao.";

const SHOW_EXAMPLES: &str = "Examples:\n  \
    skink key show vault:transit/issuer-1\n  \
    skink key show vault:transit/issuer-1?version=1 --pem > issuer-1.pem\n  \
    skink key show software:workloads-g1 --dir /var/lib/skink";

const TEST: &str = "Sign with a key, once, and verify.\n\n\
    A random message that says what it is (it begins with `skink key test`, and so is no \
    certificate) is signed by the service, and the signature verified with the public key, and by \
    the service where it has a call for that. The attempt gets its row in a ledger of its own, a \
    file, before it is made; `skink key reconcile --ledger` counts it among those that were asked \
    for.\n\n\
    Exit codes: 0 it signs, 3 the service refuses, 4 the credential is refused, 5 the service \
    cannot be reached, 6 the signature does not verify, 7 not now.";

const TEST_EXAMPLES: &str = "Examples:\n  \
    skink key test vault:transit/issuer-1?version=1\n  \
    skink key test 'pkcs11:token=ca;object=issuer-1' --key-credential-file pin --json";

const DISABLE: &str = "Stop a key at its provider, and prove that it is stopped.\n\n\
    One signature is tried before, the key is disabled, and one is tried after: what the service \
    refuses it with is the proof. An outage is no proof, so name with --control-key another key \
    whose signature through the same credential shows that the service works. Every attempt is in \
    the ledger file.\n\n\
    What disables need not be what signs: --key-credential-file disables, --signing-credential-file \
    tries. At OpenBao and AWS whoever may enables the key again; a token's key is disabled for \
    good. HashiCorp Vault has no such call: --signing-policy names the policy by which those sign \
    whom a denial in it then stops.\n\n\
    A key that a server signs with is stopped by that server: `skink authority freeze`, and for a \
    stolen one `skink incident declare`, whose step 2 first signs what the key will ever have to \
    sign again. Software keys are refused here while their server runs.\n\n\
    Exit codes: 0 disabled and proven, 3 refused, 6 not proven.";

const DISABLE_EXAMPLES: &str = "Examples:\n  \
    skink key disable vault:transit/issuer-1 --dry-run\n  \
    skink key disable vault:transit/issuer-1 --control-key vault:transit/control-1\n  \
    skink key disable vault:transit/issuer-1 --key-credential-file disabling.token \\\n    \
      --signing-credential-file signing.token --yes";

const ENABLE: &str = "Let a disabled key sign again.\n\n\
    It takes another credential than the one that signs: of OpenBao or AWS one that an approver \
    has, for a software key the file enabling.key that `skink init` left in the root's folder. A \
    token's key stays disabled. A key that was disabled because it was stolen stays so too: this \
    takes nothing back that relying parties were told.";

const ENABLE_EXAMPLES: &str = "Examples:\n  \
    skink key enable vault:transit/issuer-1 --key-credential-file custody.token\n  \
    skink key enable software:workloads-g1 --dir /var/lib/skink \\\n    \
      --key-credential-file /media/safe/enabling.key";

const ROTATE: &str = "Make new material under a key's name; the old stays and signs on.\n\n\
    The answer is the pinned URI of the new. Nothing goes over to it by itself: an authority's key \
    is its certificate's, pinned to its version, until a ceremony certifies another generation. To \
    carry an issuer over without a failed handshake: `skink incident declare --plan rotation`. \
    Software keys and tokens' keys are not rotated: make another with `skink key create`.\n\n\
    Of a key for encryption the new material encrypts from then on, and the old still decrypts: \
    `skink key rewrap` carries ciphertexts over, `skink key retire` stops the old.";

const ROTATE_EXAMPLES: &str = "Examples:\n  \
    skink key rotate vault:transit/issuer-1\n  \
    skink key rotate vault:transit/customers --for encryption";

const DESTROY: &str = "Destroy a key's material.\n\n\
    Where the service waits (AWS 7 to 30 days, --after) it says on which day the material is gone, \
    and --cancel takes that back until then; elsewhere it is gone at once, for good. At Vault and \
    OpenBao every version goes, and the service forgets the name.\n\n\
    What a destroyed key has signed stays valid, and what it should sign is never signed again: an \
    authority whose key is gone can revoke nothing by its own CRL. Disable it first and see who \
    misses it.";

const DESTROY_EXAMPLES: &str = "Examples:\n  \
    skink key destroy vault:transit/old-1 --dry-run\n  \
    skink key destroy awskms:alias/old-1 --after 7d --yes\n  \
    skink key destroy awskms:alias/old-1 --cancel";

/// What is done to a key at its provider.
#[derive(Debug, Subcommand)]
pub enum DirectCommand {
    /// Make a key at a provider
    #[command(long_about = CREATE, after_long_help = CREATE_EXAMPLES)]
    Create(Create),
    /// What the provider tells about a key
    #[command(long_about = SHOW, after_long_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Sign with a key, once, and verify
    #[command(long_about = TEST, after_long_help = TEST_EXAMPLES)]
    Test(Test),
    /// Stop a key at its provider, and prove that it is stopped
    #[command(long_about = DISABLE, after_long_help = DISABLE_EXAMPLES)]
    Disable(Disable),
    /// Let a disabled key sign again
    #[command(long_about = ENABLE, after_long_help = ENABLE_EXAMPLES)]
    Enable(Enable),
    /// Make new material under a key's name; the old stays
    #[command(long_about = ROTATE, after_long_help = ROTATE_EXAMPLES)]
    Rotate(Rotate),
    /// Destroy a key's material
    #[command(long_about = DESTROY, after_long_help = DESTROY_EXAMPLES)]
    Destroy(Destroy),
}

/// Which key, and by what right.
#[derive(Clone, Debug, Args)]
pub(super) struct Target {
    /// The key, as PROVIDER:NAME.
    pub(super) key: KeyUri,
    /// File with the credential (a token, a PIN, an access key) instead of what the environment
    /// gives.
    #[arg(long, value_name = "FILE")]
    pub(super) key_credential_file: Option<PathBuf>,
    /// Folder of the server whose software keys are meant.
    #[arg(long, default_value = "skink", value_name = "DIR")]
    pub(super) dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    pub(super) target: Target,
    /// p256, p384, p521, ed25519, rsa-2048, rsa-3072, rsa-4096 or ml-dsa-65 (-44, -87), as far as
    /// the provider makes it.
    #[arg(long, default_value = "p256", value_name = "ALGORITHM", value_parser = algorithm)]
    pub(super) algorithm: KeyAlgorithm,
    /// Where the material is kept, at services that do either: Google's software unless hsm is
    /// said, Azure's too; AWS KMS has hsm alone.
    #[arg(long, value_enum, value_name = "WHERE")]
    pub(super) protection: Option<Protection>,
    /// What the key is for; `skink key encrypt` and `skink key rewrap` take one for encryption.
    #[arg(long = "for", value_enum, default_value = "signing", value_name = "USE")]
    pub(super) purpose: Purpose,
    /// Say what would be made, make nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Where a service keeps a key's material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Protection {
    /// In a hardware module of the service's.
    Hsm,
    /// In the service's own software.
    Software,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Purpose {
    /// A private key, whose public half everybody may know.
    Signing,
    /// A symmetric key (AES-256-GCM).
    Encryption,
}

#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    pub(super) target: Target,
    /// Only the public key, as a PEM block.
    #[arg(long)]
    pub(super) pem: bool,
}

/// Where attempts are written down.
#[derive(Clone, Debug, Args)]
pub(super) struct LedgerArgs {
    /// File of attempts; begun if it is not there.
    #[arg(long, default_value = "skink-signatures.log", value_name = "FILE")]
    pub(super) ledger: PathBuf,
}

#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) ledger: LedgerArgs,
}

/// How a change is asked for.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Consent {
    /// Say what would happen, change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask for the key's name first.
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub struct Disable {
    #[command(flatten)]
    pub(super) target: Target,
    /// File with the credential that tries to sign, where another one disables.
    #[arg(long, value_name = "FILE")]
    pub(super) signing_credential_file: Option<PathBuf>,
    /// Another key at the same service, to show by a signature that the service works.
    #[arg(long, value_name = "URI")]
    pub(super) control_key: Option<KeyUri>,
    /// HashiCorp Vault: the policy that lets the key's users sign, which gets a denial.
    #[arg(long, value_name = "NAME")]
    pub(super) signing_policy: Option<String>,
    #[command(flatten)]
    pub(super) ledger: LedgerArgs,
    #[command(flatten)]
    pub(super) consent: Consent,
}

#[derive(Debug, Args)]
pub struct Enable {
    #[command(flatten)]
    pub(super) target: Target,
    /// HashiCorp Vault: the policy that the denial is taken out of.
    #[arg(long, value_name = "NAME")]
    pub(super) signing_policy: Option<String>,
    /// Say what would happen, change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    pub(super) target: Target,
    /// What the key is for.
    #[arg(long = "for", value_enum, default_value = "signing", value_name = "USE")]
    pub(super) purpose: Purpose,
    /// Say what would happen, change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Destroy {
    #[command(flatten)]
    pub(super) target: Target,
    /// How long the service is to wait, where it waits [default: 30d]
    #[arg(long, value_name = "SPAN", conflicts_with = "cancel")]
    pub(super) after: Option<Span>,
    /// Take a destruction back that the service waits with.
    #[arg(long)]
    pub(super) cancel: bool,
    #[command(flatten)]
    pub(super) consent: Consent,
}

/// Performs a command.
pub(crate) async fn run(command: DirectCommand, out: Output) -> Result<()> {
    match command {
        DirectCommand::Create(create) if create.purpose == Purpose::Encryption => {
            encryption::create(create, out).await
        }
        DirectCommand::Rotate(rotate) if rotate.purpose == Purpose::Encryption => {
            encryption::rotate(rotate, out).await
        }
        DirectCommand::Create(create) => look::create(create, out).await,
        DirectCommand::Show(show) => look::show(show, out).await,
        DirectCommand::Test(test) => look::test(test, out).await,
        DirectCommand::Disable(disable) => life::disable(disable, out).await,
        DirectCommand::Enable(enable) => life::enable(enable, out).await,
        DirectCommand::Rotate(rotate) => life::rotate(rotate, out).await,
        DirectCommand::Destroy(destroy) => life::destroy(destroy, out).await,
    }
}

/// An algorithm by any of the names that people write.
fn algorithm(text: &str) -> Result<KeyAlgorithm, String> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "");
    let wanted = plain(text);
    let fits = |one: &KeyAlgorithm| {
        let name = plain(one.as_str());
        wanted == name || Some(wanted.as_str()) == name.strip_prefix("ec")
    };
    let all = KeyAlgorithm::GENERATED.into_iter().chain([KeyAlgorithm::EcP521]);
    let none = "no algorithm of keys; p256, p384, p521, ed25519, rsa-2048, rsa-3072, rsa-4096, \
                ml-dsa-44, ml-dsa-65, ml-dsa-87 are";
    all.chain(KeyAlgorithm::POST_QUANTUM).find(fits).ok_or_else(|| none.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_have_the_names_that_people_write() {
        for (text, is) in [
            ("p256", KeyAlgorithm::EcP256),
            ("EC-P384", KeyAlgorithm::EcP384),
            ("P-521", KeyAlgorithm::EcP521),
            ("ed25519", KeyAlgorithm::Ed25519),
            ("rsa3072", KeyAlgorithm::Rsa3072),
            ("ML-DSA-65", KeyAlgorithm::MlDsa65),
        ] {
            assert_eq!(algorithm(text), Ok(is), "{text}");
        }
        assert!(algorithm("ml-dsa-66").is_err() && algorithm("").is_err());
    }
}
