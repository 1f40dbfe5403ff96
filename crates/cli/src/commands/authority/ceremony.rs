//! `skink authority ceremony`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use skink_api::{Ceremony, CeremonyImported, CeremonyRequest, NewCeremony};
use skink_model::IssuerName;
use skink_signer::KeyUri;

use crate::commands::{Session, write_new};
use crate::table::{Facts, Table, or_dash};
use crate::when;

pub(crate) const LONG: &str = "The file exchange with the offline root.\n\n\
    `request` writes a file, a person carries it to the root's machine, looks at it with `skink \
    root inspect`, signs it with `skink root sign` and carries the response back for `import`. \
    Every ceremony renews the root's CRLs and leaves a recovery kit, whose shares belong to two \
    people and not on this server.";

const EXAMPLES: &str = "Examples:\n  \
    skink authority ceremony request --standby-for workloads --out request.json\n  \
    skink root inspect request.json                     on the root's machine\n  \
    skink root sign request.json --out response.json    on the root's machine\n  \
    skink authority ceremony import response.json";

#[derive(Debug, Subcommand)]
pub enum CeremonyCommand {
    /// Write the file to carry to the offline root
    #[command(after_long_help = EXAMPLES)]
    Request(Request),
    /// Take in the offline root's response
    Import {
        /// The response file.
        file: PathBuf,
    },
    /// All ceremonies
    List,
}

#[derive(Debug, Args)]
pub struct Request {
    /// An issuer that gets a further generation as a standby; may be given several times.
    #[arg(long, value_name = "ISSUER")]
    standby_for: Vec<IssuerName>,
    /// Algorithm of the new keys [default: as their predecessors']
    #[arg(long, value_name = "ALGORITHM")]
    key_algorithm: Option<String>,
    /// The new generation's key, where the server is not to make one in a file: a key that exists
    #[arg(long, value_name = "URI")]
    key: Option<KeyUri>,
    /// File with what signs with that key (a token, a PIN): sealed for the recovery kit, and then
    /// forgotten by the server
    #[arg(long, value_name = "FILE", requires = "key")]
    key_credential_file: Option<PathBuf>,
    /// File to write; must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) async fn run(command: CeremonyCommand, session: &Session) -> Result<()> {
    match command {
        CeremonyCommand::Request(request) => ask(session, request).await,
        CeremonyCommand::Import { file } => {
            let response = fs_err::read(file)?;
            let path = "/api/v1/ceremonies/response";
            let imported: CeremonyImported = session.api.post_file(path, response).await?;
            session.out.show(&imported, || {
                Facts::default()
                    .fact("ceremony", &imported.id)
                    .fact("prepared", imported.prepared.join(", "))
                    .fact("root CRLs", imported.crls.join(", "))
                    .fact("waiting for step revoke", imported.waiting.join(", "))
                    .fact("passed over", imported.passed_over.join(", "))
                    .to_string()
            })
        }
        CeremonyCommand::List => {
            let all: Vec<Ceremony> = session.api.get("/api/v1/ceremonies", &[]).await?;
            session.out.table(&all, || table(&all))
        }
    }
}

async fn ask(session: &Session, request: Request) -> Result<()> {
    let wanted = NewCeremony {
        standby_for: request.standby_for.iter().map(|name| name.as_str().to_owned()).collect(),
        key_algorithm: request.key_algorithm,
        key: request.key.map(String::from),
        key_credential: request.key_credential_file.map(fs_err::read_to_string).transpose()?,
    };
    let made: CeremonyRequest = session.api.post("/api/v1/ceremonies", &wanted).await?;
    write_new(&request.out, made.file.as_bytes())?;
    let out = request.out.display().to_string();
    session.out.show(&serde_json::json!({ "id": made.id, "file": out }), || {
        format!("wrote {out}; carry it to the root's machine and look at it: skink root inspect")
    })
}

fn table(ceremonies: &[Ceremony]) -> Table {
    let mut table = Table::new(["ceremony", "asked", "by", "answered"], "no ceremonies");
    for ceremony in ceremonies {
        table.row([
            ceremony.id.clone(),
            when::show(ceremony.created_at_ms),
            ceremony.created_by.clone(),
            or_dash(ceremony.imported_at_ms.map(when::show)),
        ]);
    }
    table
}
