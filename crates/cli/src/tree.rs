//! Every command of `skink`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    agent, authority, certificate, chain, drill, endpoint, incident, init, issuer, journal, key,
    operator, posture, profile, root, serve, status, store, token, trust,
};

/// A private PKI that survives the theft of its own signing keys.
#[derive(Debug, Parser)]
#[command(
    name = "skink",
    version,
    about = "A private PKI that survives the theft of its own signing keys",
    long_about = "A private PKI that survives the theft of its own signing keys.\n\n\
        Skink issues certificates from an internal hierarchy, tends them on hosts by agents, and \
        carries everything that depends on an issuing authority over to a new one when its key is \
        stolen: no failed handshake, the thief locked out, proven by attack.",
    after_long_help = "Begin here:\n  \
        skink drill                       watch a stolen key being survived; changes nothing\n  \
        skink init && skink serve         a hierarchy and a server to try\n  \
        skink status                      how it is, and what needs a person\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 not allowed to you,\n\
        5 server unreachable, 6 checked and does not hold, 7 not now, come back later.",
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Who asks, and how answers are written.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const OPERATOR_HELP: &str = "Operator file: the server's address, the root to trust, and who you \
    are [default: $SKINK_OPERATOR, then ./operator.json]";

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Operator file: the server's address, the root to trust, and who you are.
    #[arg(long, global = true, value_name = "FILE", help = OPERATOR_HELP)]
    pub operator: Option<PathBuf>,
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    pub json: bool,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a hierarchy, a server's folder and the first operators
    #[command(long_about = init::LONG, after_long_help = init::EXAMPLES)]
    Init(Box<init::InitArgs>),
    /// Run the server
    #[command(long_about = serve::LONG, after_long_help = serve::EXAMPLES)]
    Serve(serve::ServeArgs),
    /// The server's database as a whole: check, copy, back up, put back
    #[command(subcommand, long_about = store::LONG)]
    Store(store::StoreCommand),
    /// Run on a host: enrol, then tend its certificates and its trust
    #[command(subcommand, long_about = agent::LONG)]
    Agent(agent::AgentCommand),
    /// Steal a key on purpose and watch everything survive it
    #[command(long_about = drill::LONG, after_long_help = drill::EXAMPLES)]
    Drill(drill::DrillArgs),
    /// A command that needs the API or the offline root only.
    #[command(flatten)]
    Client(ClientCommand),
}

/// A command that needs the API or the offline root only.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// How the server is, and what needs a person
    #[command(long_about = status::LONG)]
    Status,
    /// The offline root, in a folder of its own
    #[command(subcommand, long_about = root::LONG)]
    Root(Box<root::RootCommand>),
    /// Chains: read, build, verify, explain and mend them, without a server
    #[command(subcommand, long_about = chain::LONG)]
    Chain(Box<chain::ChainCommand>),
    /// Issuers: the names that profiles, agents and people refer to
    #[command(subcommand, long_about = issuer::LONG)]
    Issuer(issuer::IssuerCommand),
    /// Authorities: the generations of issuers, and ceremonies with the root
    #[command(subcommand, long_about = authority::LONG)]
    Authority(authority::AuthorityCommand),
    /// Profiles: what an issuer may put in a certificate
    #[command(subcommand, long_about = profile::LONG)]
    Profile(profile::ProfileCommand),
    /// Certificates: issue, find, revoke
    #[command(subcommand, long_about = certificate::LONG)]
    Certificate(certificate::CertificateCommand),
    /// Endpoints: the places where certificates are used
    #[command(subcommand, long_about = endpoint::LONG)]
    Endpoint(endpoint::EndpointCommand),
    /// Enrolment tokens for agents
    #[command(subcommand, long_about = token::LONG)]
    Token(token::TokenCommand),
    /// Operators: the people who run this, and their roles
    #[command(subcommand, long_about = operator::LONG)]
    Operator(operator::OperatorCommand),
    /// The trust package that relying parties decide by
    #[command(subcommand, long_about = trust::LONG)]
    Trust(trust::TrustCommand),
    /// A compromise, or a rotation: declare it, follow it, decide
    #[command(subcommand, long_about = incident::LONG)]
    Incident(Box<incident::IncidentCommand>),
    /// Keys: where they are, and who used them
    #[command(subcommand, long_about = key::LONG)]
    Key(Box<key::KeyCommand>),
    /// Posture: whether keys, authorities and people are kept as they should be
    #[command(subcommand, long_about = posture::LONG)]
    Posture(posture::PostureCommand),
    /// The journal: what happened, and that nothing was taken out of it
    #[command(subcommand, long_about = journal::LONG)]
    Journal(journal::JournalCommand),
}

/// Reads the command line of this process.
pub fn parse() -> Result<Cli, clap::Error> {
    Cli::try_parse()
}
