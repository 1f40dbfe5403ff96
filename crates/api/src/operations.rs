//! Every operation of every listener, in one table: the server routes and authorises from it, the
//! OpenAPI document is made of it, and a test tries each with every identity that may not.

use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ArrayBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::{Page, Role, agent};

/// The listener that offers an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listener {
    /// Operators, HTTPS.
    Api,
    /// Agents, HTTPS over the control hierarchy.
    Agent,
    /// Everybody, plain HTTP (RFC 5280 §8).
    Public,
}

/// HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes.
    Post,
    /// Removes.
    Delete,
}

impl Method {
    /// The method on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Operators in one of these roles.
    Roles(&'static [Role]),
    /// Agents whose chain leads to control and whose key is in the server's log.
    Agents,
    /// Whoever has an enrolment token.
    Token,
    /// Everybody.
    Everybody,
}

/// An operation with all that routing, authorising and documenting it takes.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Which operation.
    pub operation: Operation,
    /// Where it is offered.
    pub listener: Listener,
    /// Its method.
    pub method: Method,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// What it does, in a sentence.
    pub summary: &'static str,
}

pub(crate) type SchemaOf = RefOr<Schema>;
pub(crate) type Collected = Vec<(String, RefOr<Schema>)>;

/// What a body or an answer is.
pub(crate) enum Content {
    Json(Box<SchemaOf>),
    Other(&'static str),
}

fn collect<T: ToSchema>(into: &mut Collected) -> SchemaOf {
    into.push((T::name().into_owned(), T::schema()));
    T::schemas(into);
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

macro_rules! content {
    ($into:ident json $t:ty) => {
        Some(Content::Json(Box::new(collect::<$t>($into))))
    };
    ($into:ident list $t:ty) => {
        Some(Content::Json(Box::new(ArrayBuilder::new().items(collect::<$t>($into)).into())))
    };
    ($into:ident page $t:ty) => {{
        collect::<$t>($into);
        Some(Content::Json(Box::new(Page::<$t>::schema())))
    }};
    ($into:ident media $t:literal) => {
        Some(Content::Other($t))
    };
    ($into:ident none) => {
        None
    };
}

macro_rules! operations {
    ($($name:ident: $listener:ident $method:ident $path:literal, $access:expr, $summary:literal,
        ($($body:tt)+) -> ($($answer:tt)+);)+) => {
        /// An operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation { $(#[doc = $summary] $name),+ }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its row in the table.
            pub const fn route(self) -> Route {
                match self {
                    $(Self::$name => Route {
                        operation: self,
                        listener: Listener::$listener,
                        method: Method::$method,
                        path: $path,
                        access: $access,
                        summary: $summary,
                    }),+
                }
            }

            pub(crate) fn body(self, into: &mut Collected) -> Option<Content> {
                match self { $(Self::$name => content!(into $($body)+)),+ }
            }

            pub(crate) fn answer(self, into: &mut Collected) -> Option<Content> {
                match self { $(Self::$name => content!(into $($answer)+)),+ }
            }
        }
    };
}

const READ: Access =
    Access::Roles(&[Role::Viewer, Role::Operator, Role::PkiLead, Role::Ciso, Role::Auditor]);
const OPERATE: Access = Access::Roles(&[Role::Operator, Role::PkiLead]);
const RESPOND: Access = Access::Roles(&[Role::Operator, Role::PkiLead, Role::Ciso]);
const LEAD: Access = Access::Roles(&[Role::PkiLead]);
const DECIDE: Access = Access::Roles(&[Role::PkiLead, Role::Ciso]);
const AUDIT: Access = Access::Roles(&[Role::Auditor, Role::Ciso, Role::PkiLead]);

operations! {
    Status: Api Get "/api/v1/status", READ, "How the server is and what needs a person", (none) -> (json crate::Status);
    Posture: Api Get "/api/v1/posture", READ, "Recovery kits, blocked keys and what else tells how keys are kept", (none) -> (json crate::Posture);
    Metrics: Api Get "/metrics", READ, "Metrics for Prometheus", (none) -> (media "text/plain");
    OpenApi: Api Get "/api/v1/openapi.json", READ, "This document", (none) -> (media "application/json");

    ListIssuers: Api Get "/api/v1/issuers", READ, "All issuers", (none) -> (list crate::Issuer);
    CreateIssuer: Api Post "/api/v1/issuers", LEAD, "Makes an issuer; its first generation comes from a ceremony", (json crate::NewIssuer) -> (json crate::Issuer);
    ListAuthorities: Api Get "/api/v1/authorities", READ, "All authorities", (none) -> (list crate::Authority);
    ShowAuthority: Api Get "/api/v1/authorities/{id}", READ, "One authority", (none) -> (json crate::Authority);
    FreezeAuthority: Api Post "/api/v1/authorities/{id}/freeze", RESPOND, "Freezes an authority: it issues nothing, reversibly", (json crate::Freeze) -> (json crate::Authority);
    UnfreezeAuthority: Api Post "/api/v1/authorities/{id}/unfreeze", DECIDE, "Thaws a frozen authority", (json crate::Freeze) -> (json crate::Authority);
    ActivateAuthority: Api Post "/api/v1/authorities/{id}/activate", LEAD, "Makes a prepared generation the active one", (json crate::Activation) -> (json crate::Authority);
    ListAttempts: Api Get "/api/v1/authorities/{id}/attempts", READ, "An authority's attempts at signatures, in pages", (none) -> (page crate::Attempt);
    ListHeldLists: Api Get "/api/v1/held-lists", READ, "Lists that wait because the database was put back from a backup", (none) -> (list crate::HeldList);
    WaiveHeldList: Api Post "/api/v1/held-lists/waive", DECIDE, "Goes on without the newest list that was out, once two people say so", (json crate::HeldListWaiver) -> (list crate::HeldList);
    ListProfiles: Api Get "/api/v1/profiles", READ, "All profiles", (none) -> (list crate::Profile);
    ListKeys: Api Get "/api/v1/keys", READ, "All keys behind providers", (none) -> (list crate::Key);

    IssueCertificate: Api Post "/api/v1/certificates", OPERATE, "Issues a certificate", (json crate::IssueRequest) -> (json crate::IssuedCertificate);
    ListCertificates: Api Get "/api/v1/certificates", READ, "Certificates by prefix, in pages", (none) -> (page crate::Certificate);
    RevokeCertificates: Api Post "/api/v1/certificates/revoke", RESPOND, "Revokes a set of certificates at once", (json crate::RevokeSet) -> (json crate::RevokeOutcome);
    ShowCertificate: Api Get "/api/v1/certificates/{id}", READ, "One certificate", (none) -> (json crate::Certificate);
    RevokeSerials: Api Post "/api/v1/authorities/{id}/revoke", RESPOND, "Revokes the serials of a list, one in a line, at once", (media "text/plain") -> (json crate::SerialsRevoked);
    RevokeKey: Api Post "/api/v1/keys/found", RESPOND, "Revokes everything that was ever certified for a key that was found, and blocks the key", (json crate::KeyFound) -> (json crate::KeyRevoked);
    RevokeCertificate: Api Post "/api/v1/certificates/{id}/revoke", RESPOND, "Revokes one certificate", (json crate::RevokeRequest) -> (json crate::RevokeOutcome);

    ListEndpoints: Api Get "/api/v1/endpoints", READ, "Endpoints, in pages", (none) -> (page crate::Endpoint);
    CreateEndpoint: Api Post "/api/v1/endpoints", OPERATE, "Registers an endpoint", (json crate::EndpointSpec) -> (json crate::Endpoint);
    ShowEndpoint: Api Get "/api/v1/endpoints/{name}", READ, "One endpoint", (none) -> (json crate::Endpoint);
    RenewEndpoint: Api Post "/api/v1/endpoints/{name}/renew", OPERATE, "Tells an endpoint's agent to renew now", (json crate::Reasoned) -> (json crate::Endpoint);
    DisableAgent: Api Delete "/api/v1/agents/{name}", RESPOND, "Shuts an agent out, with every key it has, until it enrols again", (none) -> (none);
    ListTokens: Api Get "/api/v1/tokens", READ, "Enrolment tokens", (none) -> (list crate::Token);
    CreateToken: Api Post "/api/v1/tokens", OPERATE, "Makes an enrolment token", (json crate::NewToken) -> (json crate::TokenCreated);
    ListOperators: Api Get "/api/v1/operators", READ, "All operators", (none) -> (list crate::Operator);
    CreateOperator: Api Post "/api/v1/operators", DECIDE, "Registers an operator", (json crate::NewOperator) -> (json crate::OperatorCreated);
    DisableOperator: Api Delete "/api/v1/operators/{name}", DECIDE, "Removes an operator's access", (none) -> (json crate::Operator);

    ShowTrust: Api Get "/api/v1/trust", READ, "The trust package that is out", (none) -> (json crate::TrustCurrent);
    PublishTrust: Api Post "/api/v1/trust", LEAD, "Publishes the next version of the trust package", (json crate::Publish) -> (json crate::TrustCurrent);
    ListCeremonies: Api Get "/api/v1/ceremonies", READ, "All ceremonies", (none) -> (list crate::Ceremony);
    CreateCeremony: Api Post "/api/v1/ceremonies", LEAD, "Makes the request file for the offline root", (json crate::NewCeremony) -> (json crate::CeremonyRequest);
    ImportCeremony: Api Post "/api/v1/ceremonies/response", LEAD, "Imports the offline root's response file", (media "application/json") -> (json crate::CeremonyImported);

    DeclareIncident: Api Post "/api/v1/incidents", RESPOND, "Declares an incident, a drill or a rotation", (json crate::Declare) -> (json crate::Incident);
    ListIncidents: Api Get "/api/v1/incidents", READ, "All incidents, newest first", (none) -> (list crate::IncidentSummary);
    ShowIncident: Api Get "/api/v1/incidents/{id}", READ, "All about one incident", (none) -> (json crate::Incident);
    ApproveIncident: Api Post "/api/v1/incidents/{id}/approve", DECIDE, "Approves a step", (json crate::Approve) -> (json crate::Incident);
    ReleaseKit: Api Post "/api/v1/incidents/{id}/kit", DECIDE, "Releases one custodian's share of the recovery kit", (json crate::KitRelease) -> (json crate::Incident);
    HoldIncident: Api Post "/api/v1/incidents/{id}/hold", DECIDE, "Holds an incident: nothing new starts", (json crate::Reasoned) -> (json crate::Incident);
    ResumeIncident: Api Post "/api/v1/incidents/{id}/resume", RESPOND, "Resumes a held incident", (json crate::Reasoned) -> (json crate::Incident);
    StandDownIncident: Api Post "/api/v1/incidents/{id}/stand-down", DECIDE, "Stands a false alarm down, before taint", (json crate::Reasoned) -> (json crate::Incident);
    WaiveGate: Api Post "/api/v1/incidents/{id}/waive", DECIDE, "Records an exception from a gate", (json crate::WaiverRequest) -> (json crate::Incident);
    RollBackEndpoint: Api Post "/api/v1/incidents/{id}/roll-back/{endpoint}", OPERATE, "Puts an endpoint back to its last good certificate", (json crate::RollBack) -> (json crate::Incident);
    IncidentReport: Api Get "/api/v1/incidents/{id}/report.md", READ, "The report for people", (none) -> (media "text/markdown");
    IncidentReportJson: Api Get "/api/v1/incidents/{id}/report.json", READ, "The report for programs", (none) -> (media "application/json");
    IncidentEvents: Api Get "/api/v1/incidents/{id}/events", READ, "The incident's journal", (none) -> (page crate::JournalEvent);

    VerifyJournal: Api Get "/api/v1/journal/verify", READ, "Whether the journal is whole", (none) -> (json crate::JournalReport);
    ListJournal: Api Get "/api/v1/journal", READ, "Events of one stream", (none) -> (page crate::JournalEvent);
    ListAudit: Api Get "/api/v1/audit", AUDIT, "Who did what, oldest first", (none) -> (page crate::AuditRow);

    Enroll: Agent Post "/agent/v1/enroll", Access::Token, "Lets an agent in, once, by its token", (json agent::EnrollRequest) -> (json agent::Enrolled);
    Poll: Agent Get "/agent/v1/poll", Access::Agents, "Waits for news", (none) -> (json agent::PollAnswer);
    Package: Agent Get "/agent/v1/package", Access::Agents, "The signed envelope of the package that is out", (none) -> (media "application/json");
    Part: Agent Get "/agent/v1/part/{digest}", Access::Agents, "One part of a package", (none) -> (media "application/octet-stream");
    RequestCertificate: Agent Post "/agent/v1/certificates", Access::Agents, "Issues to an agent what its token named", (json agent::CertificateRequest) -> (json agent::CertificateAnswer);
    Report: Agent Post "/agent/v1/report", Access::Agents, "What became of what was asked", (json agent::Report) -> (none);

    Health: Public Get "/healthz", Access::Everybody, "Whether the server is up", (none) -> (media "text/plain");
    Ready: Public Get "/readyz", Access::Everybody, "Whether the server can do what is asked of it: its database answers", (none) -> (media "text/plain");
    Crl: Public Get "/crl/{authority}/{file}", Access::Everybody, "A certificate revocation list (RFC 5280)", (none) -> (media "application/pkix-crl");
    OcspPost: Public Post "/ocsp/{authority}", Access::Everybody, "An OCSP response (RFC 6960)", (media "application/ocsp-request") -> (media "application/ocsp-response");
    OcspGet: Public Get "/ocsp/{authority}/{request}", Access::Everybody, "An OCSP response (RFC 6960, appendix A)", (none) -> (media "application/ocsp-response");
    Aia: Public Get "/aia/{file}", Access::Everybody, "An authority's certificate", (none) -> (media "application/pkix-cert");
    TrustEnvelope: Public Get "/trust/package", Access::Everybody, "The signed envelope of the package that is out", (none) -> (media "application/json");
    TrustPart: Public Get "/trust/part/{digest}", Access::Everybody, "One part of a package", (none) -> (media "application/octet-stream");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_operations_share_a_method_and_path() {
        let mut seen = HashSet::new();
        for route in Operation::ALL.iter().map(|op| op.route()) {
            assert!(seen.insert((route.listener, route.method, route.path)), "{route:?}");
        }
    }

    #[test]
    fn reading_roles_cannot_change_anything() {
        for route in Operation::ALL.iter().map(|op| op.route()) {
            if let Access::Roles(roles) = route.access {
                let reads = roles.contains(&Role::Viewer) || roles.contains(&Role::Auditor);
                assert_eq!(reads, route.method == Method::Get, "{route:?}");
            }
        }
    }
}
