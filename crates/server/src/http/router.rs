//! From the table of operations to routers: nothing is served that is not in the table, and
//! nothing in the table can be left out.

use axum::Router;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, post};
use skink_api::{Code, Listener, Operation, Problem};

use super::authorise::{Gate, authorise};
use super::handlers::{
    agents, authorities, ceremonies, certificates, endpoints, incidents, journal, people, public,
    status, trust,
};
use crate::app::App;
use crate::failure::Failure;

/// The router of one listener.
pub(crate) fn router(app: &App, listener: Listener) -> Router {
    let routes = Operation::ALL.iter().map(|operation| operation.route());
    let mut served = Router::new();
    for route in routes.filter(|route| route.listener == listener) {
        let gate = Gate { app: app.clone(), route };
        let guarded =
            handler(route.operation).route_layer(middleware::from_fn_with_state(gate, authorise));
        served = served.route(route.path, guarded);
    }
    served.fallback(nothing).method_not_allowed_fallback(not_offered).with_state(app.clone())
}

async fn nothing(uri: axum::http::Uri) -> Failure {
    Failure::not_found("path", uri.path())
}

async fn not_offered() -> Failure {
    Problem::new(Code::MethodNotAllowed, "this path does not offer this method").into()
}

fn handler(operation: Operation) -> MethodRouter<App> {
    use Operation as Op;
    match operation {
        Op::Status => get(status::status),
        Op::Posture => get(status::posture),
        Op::Metrics => get(status::metrics),
        Op::OpenApi => get(status::openapi),
        Op::ListIssuers => get(authorities::issuers),
        Op::CreateIssuer => post(authorities::create_issuer),
        Op::ListAuthorities => get(authorities::list),
        Op::ShowAuthority => get(authorities::show),
        Op::FreezeAuthority => post(authorities::freeze),
        Op::UnfreezeAuthority => post(authorities::unfreeze),
        Op::ActivateAuthority => post(authorities::activate),
        Op::ListHeldLists => get(authorities::held_lists),
        Op::WaiveHeldList => post(authorities::waive_held_list),
        Op::ListProfiles => get(authorities::profiles),
        Op::ListAttempts => get(authorities::attempts),
        Op::ListKeys => get(authorities::keys),
        Op::IssueCertificate => post(certificates::issue),
        Op::ListCertificates => get(certificates::list),
        Op::RevokeCertificates => post(certificates::revoke_set),
        Op::ShowCertificate => get(certificates::show),
        Op::RevokeSerials => post(certificates::revoke_serials),
        Op::RevokeKey => post(certificates::revoke_key),
        Op::RevokeCertificate => post(certificates::revoke),
        Op::ListEndpoints => get(endpoints::list),
        Op::CreateEndpoint => post(endpoints::create),
        Op::ShowEndpoint => get(endpoints::show),
        Op::RenewEndpoint => post(endpoints::renew),
        Op::DisableAgent => delete(people::disable_agent),
        Op::ListTokens => get(people::tokens),
        Op::CreateToken => post(people::create_token),
        Op::ListOperators => get(people::operators),
        Op::CreateOperator => post(people::create_operator),
        Op::DisableOperator => delete(people::disable_operator),
        Op::ShowTrust => get(trust::show),
        Op::PublishTrust => post(trust::publish),
        Op::ListCeremonies => get(ceremonies::list),
        Op::CreateCeremony => post(ceremonies::create),
        Op::ImportCeremony => post(ceremonies::import),
        Op::DeclareIncident => post(incidents::declare),
        Op::ListIncidents => get(incidents::list),
        Op::ShowIncident => get(incidents::show),
        Op::ApproveIncident => post(incidents::approve),
        Op::ReleaseKit => post(incidents::kit),
        Op::HoldIncident => post(incidents::hold),
        Op::ResumeIncident => post(incidents::resume),
        Op::StandDownIncident => post(incidents::stand_down),
        Op::WaiveGate => post(incidents::waive),
        Op::RollBackEndpoint => post(incidents::roll_back),
        Op::IncidentReport => get(incidents::report),
        Op::IncidentReportJson => get(incidents::report_json),
        Op::IncidentEvents => get(incidents::events),
        Op::VerifyJournal => get(journal::verify),
        Op::ListJournal => get(journal::list),
        Op::ListAudit => get(journal::audit),
        Op::Enroll => post(agents::enroll),
        Op::Poll => get(agents::poll),
        Op::Package => get(agents::package),
        Op::Part => get(agents::part),
        Op::RequestCertificate => post(agents::certificate),
        Op::Report => post(agents::report),
        Op::Health => get(public::health),
        Op::Ready => get(public::ready),
        Op::Crl => get(public::crl),
        Op::OcspPost => post(public::ocsp_post),
        Op::OcspGet => get(public::ocsp_get),
        Op::Aia => get(public::aia),
        Op::TrustEnvelope => get(public::envelope),
        Op::TrustPart => get(public::part),
    }
}
