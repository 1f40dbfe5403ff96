//! `skink init`: the server's crate makes everything; people, passphrases and files are seen to
//! here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;
use skink_api::Role;
use skink_cli::{InitArgs, OperatorFile, Output, Passphrases, ResolvedInit, ask_custodians};
use skink_model::OperatorName;
use skink_server::{
    Config, Database, Elsewhere, IncidentTimings, InitOptions, Initialised, KeyPlaces,
    KeysElsewhere, Lifetimes, Listen, Lists, Public, SystemClock, SystemRng,
};
use skink_signer::{Credential, KeyUri};

/// The first operators; they register everybody else.
const OPERATORS: [(&str, Role); 3] =
    [("lead", Role::PkiLead), ("ciso", Role::Ciso), ("operator", Role::Operator)];

/// Makes a hierarchy, a server's folder and the first operators.
pub(crate) async fn run(args: InitArgs, out: Output) -> Result<()> {
    let init = args.resolve()?;
    if init.args.dry_run {
        return plan(&init, out);
    }
    let passphrases = Passphrases::open(&init.args.passphrase)?;
    let root_credential = passphrases.choose("root", "the root's key")?.into();
    let custodians = ask_custodians(&init.args.custodians, &passphrases)?;
    let operators = OPERATORS.iter().map(|(name, role)| Ok((name.parse::<OperatorName>()?, *role)));
    let options = InitOptions {
        config: configuration(&init),
        root_dir: init.root_dir.clone(),
        root_credential,
        custodians,
        issuers: init.args.issuers.clone(),
        key_algorithm: init.args.key_algorithm,
        operators: operators.collect::<Result<_>>()?,
        elsewhere: keys_elsewhere(&init.args)?,
    };
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    let made = skink_server::init(&init.args.dir, options, clock, rng).await?;
    let files = write_operators(&init, &made)?;
    tell(&init, &made, &files, out)
}

fn keys_elsewhere(args: &InitArgs) -> Result<KeysElsewhere> {
    let read = |file: &Option<PathBuf>| -> Result<Option<Credential>> {
        let text = file.as_ref().map(fs_err::read_to_string).transpose()?;
        Ok(text.as_deref().map(Credential::from_text))
    };
    let standby = read(&args.standby_credential_file)?;
    let elsewhere =
        |key: &Option<KeyUri>, credential| key.clone().map(|key| Elsewhere { key, credential });
    Ok(KeysElsewhere {
        root: args.root_key.clone(),
        issuer: elsewhere(&args.issuer_key, None),
        standby: elsewhere(&args.standby_key, standby),
        disabling: read(&args.disabling_credential_file)?,
    })
}

fn configuration(init: &ResolvedInit) -> Config {
    let args = &init.args;
    let hosts = std::iter::once(&init.host).chain(&init.other_hosts).cloned().collect();
    Config {
        domain: args.domain.clone(),
        listen: Listen { api: args.api, agent: args.agents, public: args.public },
        public: Public { base_url: init.public_url.clone(), hosts, agent_url: None },
        lifetimes: Lifetimes::default(),
        incident: IncidentTimings::default(),
        contacts: std::collections::BTreeMap::new(),
        regulations: Vec::new(),
        crl: Lists { partitions: args.crl_partitions },
        database: Database { url: args.database.clone() },
        keys: KeyPlaces {
            places: args.issuer_key.iter().cloned().collect(),
            control: args.control_key.iter().cloned().collect(),
            ..KeyPlaces::default()
        },
        profiles: Vec::new(),
    }
}

fn plan(init: &ResolvedInit, out: Output) -> Result<()> {
    let (server, root) = (init.args.dir.display(), init.root_dir.display());
    let issuers: Vec<&str> =
        init.args.issuers.iter().map(skink_model::IssuerName::as_str).collect();
    let shown = json!({
        "dir": server.to_string(), "root_dir": root.to_string(), "domain": init.args.domain,
        "issuers": issuers, "custodians": init.args.custodians, "dry_run": true,
    });
    out.show(&shown, || {
        format!(
            "would make a root in {root} and a server in {server}\n\
             with the issuers {} and kits for {}; nothing was made",
            issuers.join(", "),
            init.args.custodians.join(", ")
        )
    })
}

/// One file for each of the first operators, with the token that is said once.
fn write_operators(init: &ResolvedInit, made: &Initialised) -> Result<Vec<PathBuf>> {
    let folder = init.args.dir.join("operators");
    fs_err::create_dir_all(&folder)?;
    let host = if init.host.contains(':') { format!("[{}]", init.host) } else { init.host.clone() };
    let mut files = Vec::new();
    for one in &made.operators {
        let file = OperatorFile {
            url: format!("https://{host}:{}", init.args.api.port()),
            server_name: Some(made.server_name.clone()),
            root: made.root_pem.clone(),
            token: one.token.clone(),
            client_certificate: None,
            client_key: None,
        };
        let path = folder.join(format!("{}.json", one.operator.name));
        file.write_new(&path).with_context(|| format!("cannot write {}", path.display()))?;
        files.push(path);
    }
    Ok(files)
}

fn tell(init: &ResolvedInit, made: &Initialised, files: &[PathBuf], out: Output) -> Result<()> {
    let shown = json!({
        "dir": init.args.dir, "root_dir": init.root_dir,
        "root_fingerprint": made.root_fingerprint.to_string(), "server_name": made.server_name,
        "operators": files, "kits": made.kits, "enabling_credential": made.enabling_credential,
    });
    out.show(&shown, || {
        let lines = |paths: &[PathBuf]| {
            let lines: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            format!("  {}\n", lines.join("\n  "))
        };
        let (dir, root) = (init.args.dir.display(), init.root_dir.display());
        let enabling = made.enabling_credential.display();
        let lead = files.first().map_or(Path::new(""), PathBuf::as_path).display();
        format!(
            "The root {} is in {root}\nMove that folder to a machine without network.\n\n\
             Recovery kits, for their custodians and not for the server:\n{}\n\
             What alone can enable a disabled key again, for a safe:\n  {enabling}\n\n\
             Operators, a file for each person to take away:\n{}\n\
             Now: skink serve --dir {dir}\n\
             and: skink status --operator {lead}\n",
            made.root_fingerprint,
            lines(&made.kits),
            lines(files),
        )
    })
}
