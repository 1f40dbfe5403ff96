//! `skink endpoint`

use anyhow::Result;
use clap::{Args, Subcommand};
use skink_api::{Criticality, Endpoint, EndpointRole, EndpointSpec, Mechanism, Reasoned};
use skink_model::{AgentName, EndpointName, IssuerName, ProfileName};

use super::Session;
use crate::api::segment;
use crate::table::{Facts, Table, or_dash};
use crate::when;

pub(crate) const LONG: &str = "Endpoints: the places where certificates are used.\n\n\
    An endpoint is a server or a client: host, service, owner, criticality, and the mechanism by \
    which it can stop trusting an authority:\n\n\
    \x20 anchor      its software takes issuing authorities as anchors (Go, Java, rustls)\n\
    \x20 parent-crl  it checks the whole chain against CRLs (nginx, HAProxy, Apache, curl)\n\
    \x20 deny        code of yours compares keys with a list\n\
    \x20 none        it cannot; a stolen authority means a new root for it\n\n\
    One without an agent is listed as unmanaged, with its owner.";

const CREATE_EXAMPLES: &str = "Examples:\n  \
    skink endpoint create web-1 --role server --mechanism parent-crl --service shop \\\n    \
      --issuer workloads --dns web-1.corp.example --address web-1.corp.example:443 --owner web-team";

#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// All endpoints
    List {
        /// How many at most.
        #[arg(long, default_value_t = 1000, value_name = "N")]
        limit: usize,
    },
    /// One endpoint
    Show {
        /// Its name.
        name: EndpointName,
    },
    /// Register an endpoint
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create {
        /// Its name.
        name: EndpointName,
        #[command(flatten)]
        spec: SpecArgs,
        /// The agent that tends it; without one it is unmanaged.
        #[arg(long, value_name = "NAME")]
        agent: Option<AgentName>,
    },
    /// Tell an endpoint's agent to renew its certificate now
    Renew {
        /// Its name.
        name: EndpointName,
        /// Why, for the journal.
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
}

/// What an endpoint is, by flags.
#[derive(Clone, Debug, Args)]
pub struct SpecArgs {
    /// Its side of the handshake: server or client.
    #[arg(long, default_value = "server")]
    role: EndpointRole,
    /// How it stops trusting an authority: anchor, parent-crl, deny or none.
    #[arg(long, default_value = "parent-crl")]
    mechanism: Mechanism,
    /// The service it belongs to.
    #[arg(long, default_value = "", hide_default_value = true)]
    service: String,
    /// The issuer of its certificates.
    #[arg(long, default_value = "workloads")]
    issuer: IssuerName,
    /// The profile of its certificates [default: its role's name]
    #[arg(long)]
    profile: Option<ProfileName>,
    /// A DNS name or IP address that it may have; may be given several times.
    #[arg(long = "dns", value_name = "NAME")]
    names: Vec<String>,
    /// Where it listens.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Whom to ask.
    #[arg(long, default_value = "", hide_default_value = true)]
    owner: String,
    /// How much it matters: high, normal or low.
    #[arg(long, default_value = "normal")]
    criticality: Criticality,
}

impl SpecArgs {
    /// The endpoint that these flags describe.
    pub(crate) fn resolve(self, name: &EndpointName, agent: Option<&AgentName>) -> EndpointSpec {
        let profile = self.profile.as_ref().map_or(self.role.as_str(), ProfileName::as_str);
        EndpointSpec {
            name: name.as_str().to_owned(),
            role: self.role,
            mechanism: self.mechanism,
            service: self.service,
            issuer: self.issuer.as_str().to_owned(),
            profile: profile.to_owned(),
            names: self.names,
            address: self.address,
            owner: self.owner,
            criticality: self.criticality,
            agent: agent.map(|agent| agent.as_str().to_owned()),
        }
    }
}

pub(crate) async fn run(command: EndpointCommand, session: &Session) -> Result<()> {
    match command {
        EndpointCommand::List { limit } => {
            let found: Vec<Endpoint> = session.api.pages("/api/v1/endpoints", &[], limit).await?;
            session.out.table(&found, || table(&found))
        }
        EndpointCommand::Show { name } => {
            let path = format!("/api/v1/endpoints/{}", segment(name.as_str())?);
            show(session, &session.api.get(&path, &[]).await?)
        }
        EndpointCommand::Create { name, spec, agent } => {
            let spec = spec.resolve(&name, agent.as_ref());
            show(session, &session.api.post("/api/v1/endpoints", &spec).await?)
        }
        EndpointCommand::Renew { name, reason } => {
            let path = format!("/api/v1/endpoints/{}/renew", segment(name.as_str())?);
            show(session, &session.api.post(&path, &Reasoned { reason }).await?)
        }
    }
}

fn show(session: &Session, endpoint: &Endpoint) -> Result<()> {
    session.out.show(endpoint, || facts(endpoint).to_string())
}

fn table(endpoints: &[Endpoint]) -> Table {
    let head = ["endpoint", "role", "mechanism", "authority", "trust", "agent", "seen", "error"];
    let mut table = Table::new(head, "no endpoints");
    for endpoint in endpoints {
        table.row([
            endpoint.spec.name.clone(),
            endpoint.spec.role.to_string(),
            endpoint.spec.mechanism.to_string(),
            or_dash(endpoint.authority.as_ref()),
            or_dash(package(endpoint)),
            or_dash(endpoint.spec.agent.as_ref()),
            or_dash(endpoint.last_seen_ms.map(when::show)),
            or_dash(endpoint.error.as_ref()),
        ]);
    }
    table
}

fn package(endpoint: &Endpoint) -> Option<String> {
    endpoint.trust.as_ref().map(|trust| format!("{}.{}", trust.epoch, trust.version))
}

fn facts(endpoint: &Endpoint) -> Facts {
    let spec = &endpoint.spec;
    Facts::default()
        .fact("endpoint", &spec.name)
        .fact("role", spec.role)
        .fact("mechanism", spec.mechanism)
        .fact("service", &spec.service)
        .fact("names", spec.names.join(", "))
        .maybe("address", spec.address.as_ref())
        .fact("owner", &spec.owner)
        .fact("criticality", spec.criticality)
        .fact("issuer", format!("{} ({})", spec.issuer, spec.profile))
        .fact("agent", spec.agent.as_deref().unwrap_or("none: unmanaged"))
        .maybe("certificate", endpoint.certificate.as_ref())
        .maybe("authority", endpoint.authority.as_ref())
        .maybe("valid until", endpoint.not_after_ms.map(when::show))
        .maybe("trust package", package(endpoint))
        .fact("past", endpoint.past.join(", "))
        .fact("refuses", endpoint.refuses.join(", "))
        .maybe("seen", endpoint.last_seen_ms.map(when::show))
        .maybe("error", endpoint.error.as_ref())
}
