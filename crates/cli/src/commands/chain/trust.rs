//! `skink chain trust`

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use skink_deploy::stores::{
    Host, Step, Store, StoreError, StoreKind, TrustedRoot, detect, installed, perform,
};

use super::files::{self, Files};
use crate::table::Table;
use crate::{Failure, Output, PassphraseArgs};

pub(crate) const LONG: &str = "Put a private root into the trust stores of this machine, or of an image.\n\n\
    Whoever can sign below a trusted root can be any server to this machine. Only certificates of \
    authorities are taken; what is done is shown first and asked for. Knows Debian, Red Hat, \
    Alpine, macOS and Windows, the databases of NSS (Firefox, Chrome on Linux) and Java's cacerts. \
    What Skink puts in bears a name that begins with skink-, and only what bears it is listed and \
    taken out. The stores of macOS and Windows keep no such names: there `remove` takes out the very \
    certificate that is given, whoever put it in, and `list` cannot tell.";

pub(crate) const INSTALL_EXAMPLES: &str = "Examples:\n  \
    skink chain trust install root.pem --dry-run            what would be done\n  \
    skink chain trust install root.pem --yes                into the system's store\n  \
    skink chain trust install root.pem --store nss --store jvm\n  \
    skink chain trust install root.pem --root /mnt/image --yes\n  \
    skink chain trust install root.pem --store windows --dry-run   the plan for another system";

#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// Put a root into trust stores
    #[command(after_long_help = INSTALL_EXAMPLES)]
    Install(Change),
    /// Take a root out again
    Remove(Change),
    /// The stores of this machine, and the roots that were put in
    List(Where),
}

#[derive(Debug, Args)]
pub struct Where {
    /// Folder of an image that is tended from outside.
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Store: debian, redhat, alpine, macos, windows, nss, jvm; repeatable
    /// [default: the system's own]
    #[arg(long, value_name = "STORE")]
    store: Vec<StoreKind>,
    /// The folder of the NSS database, or the cacerts of Java, where it is not found by itself.
    #[arg(long, value_name = "PATH")]
    place: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Change {
    /// File with the root's certificate.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    stores: Where,
    /// Show what would be done, do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Planned {
    root: String,
    sha256: String,
    done: bool,
    stores: Vec<PlannedStore>,
}

#[derive(Serialize)]
struct PlannedStore {
    #[serde(flatten)]
    store: Store,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    store: Store,
    roots: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

pub(crate) fn run(command: &TrustCommand, out: Output) -> Result<()> {
    match command {
        TrustCommand::Install(args) => change(args, out, "trust", Store::install),
        TrustCommand::Remove(args) => {
            change(args, out, "stop to trust", |store, root, _| store.remove(root))
        }
        TrustCommand::List(args) => list(args, out),
    }
}

fn host(args: &Where) -> Host {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    Host {
        root: args.root.clone(),
        // A person's own databases are no part of an image.
        home: if args.root.is_none() { variable("HOME") } else { None },
        java_home: if args.root.is_none() { variable("JAVA_HOME") } else { None },
    }
}

/// The stores that are meant.
fn meant(args: &Where) -> Result<Vec<Store>> {
    let host = host(args);
    let found = detect(&host);
    if args.store.is_empty() {
        let own = |store: &Store| !matches!(store.kind, StoreKind::Nss | StoreKind::Jvm);
        let system: Vec<_> = found.into_iter().filter(own).take(1).collect();
        if system.is_empty() {
            return Err(Failure::Usage {
                what: "the system's trust store is not recognised".to_owned(),
                hint: "name one: --store debian, redhat, alpine, macos, windows, nss or jvm"
                    .to_owned(),
            }
            .into());
        }
        return Ok(system);
    }
    let mut stores = Vec::new();
    for kind in &args.store {
        let mut own: Vec<_> = found.iter().filter(|it| it.kind == *kind).cloned().collect();
        if let Some(place) = &args.place {
            own = vec![Store { kind: *kind, place: place.clone(), root: args.root.clone() }];
        }
        if own.is_empty() {
            own.push(host.usual(*kind));
        }
        stores.extend(own);
    }
    Ok(stores)
}

fn root_in(args: &Change) -> Result<TrustedRoot> {
    let bag = Files::new(&args.passphrase)?.bag(std::slice::from_ref(&args.file))?;
    let name = files::name(&args.file);
    let mut certificates = bag.plain_certificates();
    if certificates.len() != 1 {
        let what = format!("{name} holds {} certificates", certificates.len());
        let hint = "give a file with the root alone: `skink chain inspect` shows what it holds";
        return Err(Failure::Usage { what, hint: hint.to_owned() }.into());
    }
    let certificate = certificates.remove(0);
    let root = TrustedRoot::new(certificate).map_err(|error| Failure::Refused {
        what: error.to_string(),
        hint: "trust the root above it: `skink chain build` finds it; a single server's \
               certificate is named to the one program that needs it"
            .to_owned(),
    })?;
    Ok(root)
}

fn change(
    args: &Change,
    out: Output,
    verb: &str,
    plan: impl Fn(&Store, &TrustedRoot, &Path) -> Vec<Step>,
) -> Result<()> {
    let root = root_in(args)?;
    // A folder of one's own: in one that others write to, a name could be taken by a link. What is
    // only shown has none; the file is wherever the commands are given.
    let scratch = if args.dry_run { None } else { Some(tempfile::tempdir()?) };
    let place = scratch.as_ref().map_or(Path::new(""), tempfile::TempDir::path);
    let stores = meant(&args.stores)?.into_iter().map(|store| {
        let steps = plan(&store, &root, place);
        PlannedStore { store, steps }
    });
    let mut planned = Planned {
        root: root.certificate().subject().to_string(),
        sha256: root.certificate().fingerprint().to_string(),
        done: false,
        stores: stores.collect(),
    };
    if args.dry_run {
        return out.show(&planned, || people(&planned));
    }
    if !args.yes {
        out.say(&people(&planned));
        confirm(&format!("{verb} {}?", planned.root))?;
    }
    for store in &planned.stores {
        perform(&store.steps).map_err(|error| refusal(&store.store, &error))?;
    }
    planned.done = true;
    out.show(&planned, || people(&planned))
}

fn refusal(store: &Store, error: &StoreError) -> Failure {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Failure::Refused {
        what: format!(
            "{} {}: {error}{}",
            store.kind,
            store.place.display(),
            cause.unwrap_or_default()
        ),
        hint:
            "the system's stores belong to root: sudo; `--dry-run` shows the commands to give by \
               hand; certutil comes with libnss3-tools"
                .to_owned(),
    }
}

fn confirm(question: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage {
            what: "nobody is there to ask".to_owned(),
            hint: "--yes goes ahead, --dry-run shows what would be done".to_owned(),
        }
        .into());
    }
    eprint!("{question} type yes: ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() == "yes" {
        return Ok(());
    }
    Err(Failure::Refused {
        what: "nothing was changed".to_owned(),
        hint: "it takes the word yes".to_owned(),
    }
    .into())
}

fn people(planned: &Planned) -> String {
    let done = if planned.done { "done" } else { "to do" };
    let mut text = format!("{}\nsha256 {}\n", planned.root, planned.sha256);
    for PlannedStore { store, steps } in &planned.stores {
        text += "\n";
        text += &[&store.kind.to_string(), " ", &store.place.display().to_string(), ", ", done]
            .concat();
        text += "\n";
        for step in steps {
            text += &["  ", &step.to_string(), "\n"].concat();
        }
    }
    text
}

fn list(args: &Where, out: Output) -> Result<()> {
    let stores = if args.store.is_empty() { detect(&host(args)) } else { meant(args)? };
    let listed: Vec<Listed> = stores
        .into_iter()
        .map(|store| match installed(&store) {
            Ok(roots) => Listed { store, roots, because: None },
            Err(error) => {
                let because = match error {
                    StoreError::NoNames => error.to_string(),
                    _ => format!("not readable: {error}"),
                };
                Listed { store, roots: Vec::new(), because: Some(because) }
            }
        })
        .collect();
    out.table(&listed, || {
        let mut table = Table::new(["store", "place", "put in by skink"], "no trust stores found");
        for it in &listed {
            let roots = match &it.because {
                Some(because) => because.clone(),
                None if it.roots.is_empty() => "nothing".to_owned(),
                None => it.roots.join(", "),
            };
            table.row([it.store.kind.to_string(), it.store.place.display().to_string(), roots]);
        }
        table
    })
}
