//! `skink store`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use skink_cli::{CopyArgs, Failure, FileArgs, ListsArgs, Output, RestoreArgs, StoreCommand};
use skink_server::databases::{self, Looked};

pub(crate) async fn run(command: StoreCommand, out: Output) -> Result<()> {
    match command {
        StoreCommand::Check(args) => sound(&databases::check(&args.dir).await?, out),
        StoreCommand::Copy(args) => copy(&args, out).await,
        StoreCommand::Backup(args) => backup(&args, out).await,
        StoreCommand::Restore(args) => restore(&args, out).await,
        StoreCommand::Lists(args) => lists(&args, out).await,
        StoreCommand::Hold(args) => {
            let held = databases::hold_lists(&args.dir).await?;
            out.show(&json!({"held": held}), || format!("{held} lists wait: {NEXT}"))
        }
    }
}

const NEXT: &str = "give the newest that were out with `skink store lists`; where none is left, \
                    `skink authority waive-list` by two people";

async fn copy(args: &CopyArgs, out: Output) -> Result<()> {
    let dir = &args.store.dir;
    if args.dry_run {
        return tell("would copy", &databases::would_copy(dir, &args.to).await?, out);
    }
    let told = |copied: &databases::Copied| {
        if copied.rows > 0 {
            out.say(&format!("{} {}", copied.rows, copied.table));
        }
    };
    let looked = databases::copy_to(dir, &args.to, told).await?;
    sound(&looked, out)?;
    let toml = dir.join("skink.toml");
    let toml = toml.display();
    out.say(&if args.to.starts_with("postgres") {
        format!("now say in {toml}:\n\n[database]\nurl = \"{}\"\n", args.to)
    } else {
        let file = dir.join("skink.db");
        format!("now move {} to {} and take `url` out of {toml}", args.to, file.display())
    });
    Ok(())
}

async fn backup(args: &FileArgs, out: Output) -> Result<()> {
    let looked = databases::back_up(&args.store.dir, &args.file).await?;
    sound(&looked, out)?;
    let (dir, file) = (args.store.dir.display(), args.file.display());
    out.say(&format!("wrote {file}; keys in files and the configuration are in {dir}, not in it"));
    Ok(())
}

async fn restore(args: &RestoreArgs, out: Output) -> Result<()> {
    if args.dry_run {
        return tell("would put back", &databases::in_backup(&args.file).await?, out);
    }
    let told = |copied: &databases::Copied| {
        if copied.rows > 0 {
            out.say(&format!("{} {}", copied.rows, copied.table));
        }
    };
    let looked = databases::put_back(&args.store.dir, &args.file, told).await?;
    sound(&looked, out)?;
    out.say(&format!("{} lists wait: {NEXT}", looked.held.len()));
    Ok(())
}

async fn lists(args: &ListsArgs, out: Output) -> Result<()> {
    let read = |path: &PathBuf| -> Result<(String, Vec<u8>)> {
        let name = path.display().to_string();
        Ok((name, fs_err::read(Path::new(path))?))
    };
    let files: Vec<_> = args.files.iter().map(read).collect::<Result<_>>()?;
    let taken = databases::take_lists_back(&args.store.dir, &files).await;
    let taken = taken.context("no list was taken back")?;
    let shown: Vec<Value> = taken
        .iter()
        .map(|one| json!({"scope": one.scope, "number": one.number, "forgotten": one.forgotten}))
        .collect();
    out.show(&shown, || {
        let line = |one: &databases::TakenBack| {
            format!("{} {}: {} forgotten revocations", one.scope, one.number, one.forgotten)
        };
        taken.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

/// Says what is there, and fails where it is not sound.
fn sound(looked: &Looked, out: Output) -> Result<()> {
    tell("holds", looked, out)?;
    let (_, broken) = &looked.journal;
    if broken.is_empty() && looked.faults.is_empty() {
        return Ok(());
    }
    bail!(Failure::NotVerified {
        what: format!("{} is damaged", looked.place),
        hint: "keep it for the evidence, and put the last good backup back: skink store restore"
            .into(),
    })
}

fn tell(verb: &str, looked: &Looked, out: Output) -> Result<()> {
    let (events, broken) = &looked.journal;
    let tables: serde_json::Map<String, Value> =
        looked.tables.iter().map(|one| (one.table.to_owned(), one.rows.into())).collect();
    let held: Vec<&str> = looked.held.iter().map(|one| one.scope.as_str()).collect();
    let shown = json!({
        "place": looked.place, "tables": tables, "held": held, "faults": looked.faults,
        "journal": {"events": events, "broken": broken, "verified": broken.is_empty()},
    });
    out.show(&shown, || {
        let filled = looked.tables.iter().filter(|one| one.rows > 0);
        let mut lines: Vec<String> =
            filled.map(|one| format!("{:>12} {}", one.rows, one.table)).collect();
        lines.insert(0, format!("{}: {verb}", looked.place));
        lines.push(if broken.is_empty() {
            format!("the journal verifies: {events} events")
        } else {
            format!("the journal is broken: {}", broken.join(", "))
        });
        lines.extend(looked.faults.iter().map(|fault| format!("damaged: {fault}")));
        lines.join("\n")
    })
}
