//! The command line's reference, made from the commands themselves.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use crate::Cli;

const WIDTH: usize = 100;

const HEAD: &str = "# Command line\n\n\
    Made from the program; a test compares. To make it anew:\n\n\
    ```console\n\
    $ SKINK_UPDATE_DOCS=1 cargo nextest run -p skink-cli reference\n\
    ```\n";

/// Markdown with the long help of every command.
fn markdown() -> String {
    let mut text = HEAD.to_owned();
    let mut top = Cli::command().term_width(WIDTH).version("");
    top.build();
    section(&mut text, &mut top);
    text
}

fn section(text: &mut String, command: &mut clap::Command) {
    let name = command.get_bin_name().unwrap_or("skink").to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    // Writing into a string does not fail.
    let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    for below in command.get_subcommands_mut().filter(|below| !below.is_hide_set()) {
        section(text, below);
    }
}

#[test]
fn the_reference_is_what_the_program_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
    let now = markdown();
    if std::env::var_os("SKINK_UPDATE_DOCS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let differs = committed.lines().zip(now.lines()).find(|(old, new)| old != new);
    assert!(committed == now, "docs/reference/cli.md is out of date, first at {differs:?}");
}

#[test]
fn every_command_is_explained() {
    fn check(command: &clap::Command) {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} does not say what it is");
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            assert!(arg.get_help().is_some(), "{name}: {} is not explained", arg.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    let mut top = Cli::command();
    top.build();
    check(&top);
    top.debug_assert();
}
