//! `skink key encrypt|decrypt|data-key|retire`, and symmetric keys made and rotated.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use skink_reencrypt::Form;
use skink_signer::encryption::{Context, Encrypted, EncryptionProvider, Plaintext};
use skink_signer::{Credential, KeyUri, ProviderError, SoftwareEncryption, name_of};
use zeroize::Zeroizing;

use super::direct::{Consent, Create, Rotate, Target};
use super::life::confirm_by_name;
use super::place::{self, failed};
use super::rewrap;
use crate::table::Facts;
use crate::{Failure, Output};

const ENCRYPT: &str = "Encrypt with a symmetric key.\n\n\
    What is read from --in, or from standard input, is encrypted by the key's service. The \
    ciphertext is in the service's own form, for any of its clients: text as Vault and OpenBao \
    write it, otherwise base64 (--raw: bytes). Services take short plaintexts (AWS 4 KiB, Google 64 \
    KiB): what is longer is encrypted with a data key, and that is wrapped: `skink key data-key`.";

const ENCRYPT_EXAMPLES: &str = "Examples:\n  \
    skink key encrypt vault:transit/customers --in secret.txt --out secret.enc\n  \
    echo -n hello | skink key encrypt vault:transit/customers --aad row-17";

const DECRYPT: &str = "Decrypt with a symmetric key.\n\n\
    The ciphertext may be in bytes or in base64. The plaintext goes to standard output, or to a new \
    file that its owner alone can read.";

const DECRYPT_EXAMPLES: &str = "Examples:\n  \
    skink key decrypt vault:transit/customers --in secret.enc --out secret.txt";

const DATA_KEY: &str = "Make a data key: 32 random bytes, in the clear and wrapped.\n\n\
    The first go into a new file that its owner alone can read; the wrapped key is printed, and is \
    stored beside what the data key encrypts. `skink key decrypt` unwraps it.\n\n\
    Wrapped keys can be carried over by `skink key rewrap`, but what a data key encrypted stays \
    under that data key: after a theft it takes new ones.";

const DATA_KEY_EXAMPLES: &str = "Examples:\n  \
    skink key data-key vault:transit/customers --out data.key > data.key.wrapped";

const RETIRE: &str = "Stop the versions of a symmetric key before the one that is named.\n\n\
    The service then decrypts nothing with them, whoever asks: that is what makes a rotated key \
    useless to somebody who has its use. Ciphertexts under them are lost until it is taken back, so \
    carry everything over with `skink key rewrap` first. It does nothing against somebody who has a \
    copy of the old key and of old ciphertexts.";

const RETIRE_EXAMPLES: &str = "Examples:\n  \
    skink key retire 'vault:transit/customers?version=2' --dry-run\n  \
    skink key retire 'vault:transit/customers?version=2' --yes";

/// What is done with symmetric keys.
#[derive(Debug, Subcommand)]
pub enum EncryptionCommand {
    /// Encrypt with a symmetric key
    #[command(long_about = ENCRYPT, after_long_help = ENCRYPT_EXAMPLES)]
    Encrypt(Encrypt),
    /// Decrypt with a symmetric key
    #[command(long_about = DECRYPT, after_long_help = DECRYPT_EXAMPLES)]
    Decrypt(Decrypt),
    /// Make a data key, in the clear and wrapped
    #[command(long_about = DATA_KEY, after_long_help = DATA_KEY_EXAMPLES)]
    DataKey(DataKey),
    /// Carry ciphertexts over to another version, or another key
    #[command(long_about = rewrap::LONG, after_long_help = rewrap::EXAMPLES)]
    Rewrap(Box<rewrap::Rewrap>),
    /// Stop the old versions of a symmetric key
    #[command(long_about = RETIRE, after_long_help = RETIRE_EXAMPLES)]
    Retire(Retire),
}

/// What is authenticated with a ciphertext.
#[derive(Clone, Debug, Args)]
pub(super) struct ContextArgs {
    /// Text that is authenticated with the ciphertext (associated data); no secret.
    #[arg(long, value_name = "TEXT", conflicts_with = "context")]
    aad: Option<String>,
    /// AWS: a pair of its encryption context; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    context: Vec<String>,
}

impl ContextArgs {
    pub(super) fn context(&self) -> Result<Context> {
        if let Some(text) = &self.aad {
            return Ok(Context::Bytes(text.clone().into_bytes()));
        }
        let mut pairs = BTreeMap::new();
        for pair in &self.context {
            let Some((name, value)) = pair.split_once('=') else {
                bail!(Failure::Usage {
                    what: format!("{pair:?} is no pair"),
                    hint: "write --context NAME=VALUE".into(),
                });
            };
            pairs.insert(name.to_owned(), value.to_owned());
        }
        Ok(if pairs.is_empty() { Context::None } else { Context::Pairs(pairs) })
    }
}

#[derive(Debug, Args)]
pub struct Encrypt {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    context: ContextArgs,
    /// The plaintext; standard input without it.
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// A new file for the ciphertext; standard output without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Bytes as the service gives them.
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Args)]
pub struct Decrypt {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    context: ContextArgs,
    /// The ciphertext; standard input without it.
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// A new file for the plaintext; standard output without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DataKey {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    context: ContextArgs,
    /// A new file for the data key in the clear.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub struct Retire {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    consent: Consent,
}

/// Performs a command.
pub(super) async fn run(command: EncryptionCommand, out: Output) -> Result<()> {
    match command {
        EncryptionCommand::Encrypt(encrypt) => self::encrypt(encrypt, out).await,
        EncryptionCommand::Decrypt(decrypt) => self::decrypt(decrypt).await,
        EncryptionCommand::DataKey(data_key) => self::data_key(data_key, out).await,
        EncryptionCommand::Rewrap(rewrap) => rewrap::run(*rewrap, out).await,
        EncryptionCommand::Retire(retire) => self::retire(retire, out).await,
    }
}

/// The provider of a symmetric key, with the credential in this file or the one that is there.
pub(super) fn open(
    key: &KeyUri,
    credential: Option<&Path>,
    dir: &Path,
) -> Result<Arc<dyn EncryptionProvider>> {
    if key.scheme() == "software" {
        return software(dir, credential);
    }
    let credential = place::read(credential)?;
    let opened = skink_signer::encryption::open_encryption(key, credential);
    opened.map_err(|error| failed(key, "cannot open the provider of", error))
}

fn provider(target: &Target) -> Result<Arc<dyn EncryptionProvider>> {
    open(&target.key, target.key_credential_file.as_deref(), &target.dir)
}

/// Keys in files, for trying out: without a credential of somebody's, one is made and lies beside
/// them.
fn software(dir: &Path, credential: Option<&Path>) -> Result<Arc<dyn EncryptionProvider>> {
    let own = dir.join("encryption").join("credential");
    let path = credential.unwrap_or(&own);
    if credential.is_none() && !own.exists() {
        let made = Credential::generate().context("no randomness")?;
        fs_err::create_dir_all(dir.join("encryption"))?;
        let text = Zeroizing::new(made.expose().as_bytes().to_vec());
        write_secret(&own, &Plaintext::new(text))?;
    }
    let credential = Credential::from_text(&Zeroizing::new(fs_err::read_to_string(path)?));
    Ok(Arc::new(SoftwareEncryption::new(&dir.join("encryption"), credential)))
}

async fn encrypt(encrypt: Encrypt, out: Output) -> Result<()> {
    let key = &encrypt.target.key;
    let plaintext = Plaintext::new(read(encrypt.input.as_deref())?);
    let context = encrypt.context.context()?;
    let made = provider(&encrypt.target)?.encrypt(key, &plaintext, &context).await;
    let made = made.map_err(|error| failed(key, "cannot encrypt with", error))?;
    let written =
        if encrypt.raw { made.ciphertext.clone() } else { Form::line().write(&made.ciphertext) };
    match &encrypt.out {
        Some(path) => {
            super::super::write_new(path, &written)?;
            out.show(&Told::of(&made), || format!("encrypted with {}", made.key))
        }
        None if out.is_json() => out.show(&Told::of(&made), String::new),
        None => raw(&written),
    }
}

/// A ciphertext, for programs.
#[derive(Serialize)]
struct Told {
    key: KeyUri,
    ciphertext: String,
}

impl Told {
    fn of(made: &Encrypted) -> Self {
        let text = Form::line().write(&made.ciphertext);
        let ciphertext = String::from_utf8_lossy(&text).trim_end().to_owned();
        Self { key: made.key.clone(), ciphertext }
    }
}

async fn decrypt(decrypt: Decrypt) -> Result<()> {
    let key = &decrypt.target.key;
    let (ciphertext, _) = Form::take(&read(decrypt.input.as_deref())?);
    let context = decrypt.context.context()?;
    let plaintext = provider(&decrypt.target)?.decrypt(key, &ciphertext, &context).await;
    let plaintext = plaintext.map_err(|error| failed(key, "cannot decrypt with", error))?;
    match &decrypt.out {
        Some(path) => write_secret(path, &plaintext),
        None => raw(plaintext.expose()),
    }
}

async fn data_key(data_key: DataKey, out: Output) -> Result<()> {
    let key = &data_key.target.key;
    let context = data_key.context.context()?;
    let made = provider(&data_key.target)?.data_key(key, &context).await;
    let (plaintext, wrapped) = made.map_err(|error| failed(key, "cannot wrap with", error))?;
    write_secret(&data_key.out, &plaintext)?;
    let told = Told::of(&wrapped);
    out.show(&told, || told.ciphertext.clone())
}

async fn retire(retire: Retire, out: Output) -> Result<()> {
    let key = &retire.target.key;
    let provider = provider(&retire.target)?;
    let found = provider.find(key).await;
    let found = found.map_err(|error| failed(key, "cannot find", error))?;
    if found != *key {
        bail!(Failure::Usage {
            what: format!("{key} does not say which version is the first to go on"),
            hint: format!("the newest is {found}: everything before it would be stopped"),
        });
    }
    let facts = Facts::default()
        .fact("key", key)
        .fact("would", "stop every version before it: what is under them is decrypted no more");
    if retire.consent.dry_run {
        let plan = serde_json::json!({ "key": key, "dry_run": true });
        return out.show(&plan, || format!("{facts}nothing was changed"));
    }
    confirm_by_name(key, &facts.to_string(), "retire what is before", retire.consent.yes, out)?;
    let retired = provider.retire(key).await;
    retired.map_err(|error| failed(key, "cannot retire what is before", error))?;
    let done = serde_json::json!({ "key": key, "retired": true });
    out.show(&done, || format!("what is before {key} decrypts no more"))
}

/// `skink key create --for encryption`
pub(super) async fn create(create: Create, out: Output) -> Result<()> {
    let wanted = &create.target.key;
    if create.protection.is_some() {
        bail!(Failure::Usage {
            what: "--protection is of keys that sign".into(),
            hint: "leave it out: an encryption key is kept where its service keeps them".into(),
        });
    }
    super::look::refuse_what_is_no_name(wanted)?;
    let name = name_of(wanted).map_err(|error| failed(wanted, "cannot make", error))?;
    let provider = provider(&create.target)?;
    if create.dry_run {
        return match provider.find(wanted).await {
            Err(ProviderError::UnknownKey { .. }) => {
                let would = serde_json::json!({ "key": wanted, "name": name, "dry_run": true });
                out.show(&would, || {
                    format!("would make {wanted}; the name is free; nothing was made")
                })
            }
            Ok(key) => Err(failed(wanted, "cannot make", ProviderError::NameTaken { key })),
            Err(error) => Err(failed(wanted, "cannot look for", error)),
        };
    }
    let key = provider.create(&name).await;
    let key = key.map_err(|error| failed(wanted, "cannot make", error))?;
    out.show(&serde_json::json!({ "key": key, "for": "encryption" }), || {
        Facts::default().fact("key", &key).fact("for", "encryption").to_string()
    })
}

/// `skink key rotate --for encryption`
pub(super) async fn rotate(rotate: Rotate, out: Output) -> Result<()> {
    let key = &rotate.target.key;
    let provider = provider(&rotate.target)?;
    let old = provider.find(key).await;
    let old = old.map_err(|error| failed(key, "cannot find", error))?;
    if rotate.dry_run {
        let plan = serde_json::json!({ "key": old, "dry_run": true });
        return out.show(&plan, || {
            format!("would make new material after {old}; what there is still decrypts")
        });
    }
    let new = provider.rotate(key).await;
    let new = new.map_err(|error| failed(key, "cannot rotate", error))?;
    out.show(&serde_json::json!({ "old": old, "key": new }), || {
        let facts = Facts::default().fact("key", &new).fact("before", &old);
        format!("{facts}carry ciphertexts over: skink key rewrap --from '{old}' --to '{new}' …")
    })
}

fn read(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    match path {
        Some(path) => {
            let mut file = fs_err::File::open(path)?;
            // Grown in place, it would leave pieces behind.
            let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
            bytes.reserve_exact(length + 1);
            file.read_to_end(&mut bytes)?
        }
        None => std::io::stdin().lock().read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn raw(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// A new file, for its owner only.
fn write_secret(path: &Path, plaintext: &Plaintext) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(plaintext.expose())?;
    Ok(file.sync_all()?)
}
