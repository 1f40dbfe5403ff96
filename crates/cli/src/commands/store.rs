//! `skink store`: what is done with a whole database, described here and performed by the binary.

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) const LONG: &str = "The server's database as a whole: checked, copied to another place, \
    backed up and put back.\n\n\
    These commands work in the server's folder, without its API: whoever may use them has the \
    folder. `check` and `backup` also work while the server runs.";

const COPY_LONG: &str = "Copy the database to an empty one at another place.\n\n\
    From the file in the server's folder to PostgreSQL, or back into a file. The server must not \
    run. Everything is copied in one transaction; the journal is verified at the other place. The \
    database that was copied stays as it is, and the server uses it until its skink.toml says \
    otherwise.";

const COPY_EXAMPLES: &str = "Examples:\n  \
    skink store copy --to postgres://skink@db.corp.example/skink --dry-run\n  \
    skink store copy --to postgres://skink@db.corp.example/skink\n  \
    skink store copy --to back/skink.db";

const BACKUP_LONG: &str = "Write a consistent copy of the whole database to a file, while the \
    server goes on.\n\n\
    The copy is a file of SQLite's, whatever the database is. It holds no keys; those in files are \
    in the server's folder, which is backed up beside it. Keep it as safe as the server: it holds \
    hashes of tokens and shares of kits.\n\n\
    A big PostgreSQL database is better backed up with its own tools: pg_dump, or base backups and \
    the log. Whoever puts such a backup back says so with `skink store hold` before the server \
    starts.";

const RESTORE_LONG: &str = "Put a backup back into the empty database of a server's folder.\n\n\
    A backup does not know what was revoked since. Until it does, the server signs no lists, hands \
    none out and says `good` of nothing: give it the newest lists that were out with `skink store \
    lists`. They are at the distribution points, in their caches and with relying parties. Where \
    none is left, two people go on without it: `skink authority waive-list`.";

const LISTS_LONG: &str = "Take the newest lists back in that were out when the database was lost.\n\n\
    Each is verified against its authority's key. What it lists is revoked, its number is not used \
    again, and the server hands it out until it signs the next. The server must not run.";

const LISTS_EXAMPLES: &str = "Examples:\n  \
    curl -O http://pki.corp.example/crl/workloads-g1/p0.crl      from a cache, before it is empty\n  \
    skink store lists p0.crl root.crl";

const HOLD_LONG: &str = "Say that the database was put back from a backup by other means, as with \
    pg_restore.\n\n\
    From then on every list waits for the newest one that was out, as after `skink store restore`. \
    The server must not have started since.";

/// What is done with a database.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Verify the journal and the file, and count rows
    Check(StoreArgs),
    /// Copy the database to PostgreSQL, or back to a file
    #[command(long_about = COPY_LONG, after_long_help = COPY_EXAMPLES)]
    Copy(CopyArgs),
    /// Write a consistent copy to a file, while the server goes on
    #[command(long_about = BACKUP_LONG)]
    Backup(FileArgs),
    /// Put a backup back into an empty database
    #[command(long_about = RESTORE_LONG)]
    Restore(RestoreArgs),
    /// Take the newest lists back in that were out
    #[command(long_about = LISTS_LONG, after_long_help = LISTS_EXAMPLES)]
    Lists(ListsArgs),
    /// Say that the database was put back by other means
    #[command(long_about = HOLD_LONG)]
    Hold(StoreArgs),
}

/// Whose database it is.
#[derive(Clone, Debug, Args)]
pub struct StoreArgs {
    /// The server's folder.
    #[arg(long, default_value = "skink", value_name = "DIR")]
    pub dir: PathBuf,
}

/// Arguments of `store copy`.
#[derive(Clone, Debug, Args)]
pub struct CopyArgs {
    /// The server's folder.
    #[command(flatten)]
    pub store: StoreArgs,
    /// `postgres://USER@HOST:PORT/DATABASE`, or a file that is not there yet.
    #[arg(long, value_name = "PLACE")]
    pub to: String,
    /// Count what would be copied; the other place is not touched.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `store backup`.
#[derive(Clone, Debug, Args)]
pub struct FileArgs {
    /// The server's folder.
    #[command(flatten)]
    pub store: StoreArgs,
    /// A file that is not there yet.
    pub file: PathBuf,
}

/// Arguments of `store restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// The server's folder.
    #[command(flatten)]
    pub store: StoreArgs,
    /// A file that `skink store backup` wrote.
    pub file: PathBuf,
    /// Look into the backup, change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `store lists`.
#[derive(Clone, Debug, Args)]
pub struct ListsArgs {
    /// The server's folder.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Revocation lists, DER or PEM.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}
