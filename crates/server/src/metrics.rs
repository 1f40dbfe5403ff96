//! Every metric there is, declared once.

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

pub(crate) const REQUESTS: &str = "skink_http_requests_total";
pub(crate) const REQUEST_SECONDS: &str = "skink_http_request_seconds";
pub(crate) const HANDSHAKES_REFUSED: &str = "skink_tls_handshakes_refused_total";
pub(crate) const CERTIFICATES_ISSUED: &str = "skink_certificates_issued_total";
pub(crate) const CERTIFICATES_REVOKED: &str = "skink_certificates_revoked_total";
pub(crate) const CRLS_PUBLISHED: &str = "skink_crls_published_total";
pub(crate) const PACKAGES_PUBLISHED: &str = "skink_trust_packages_published_total";
pub(crate) const REPORTS_PASSED_OVER: &str = "skink_agent_reports_passed_over_total";
pub(crate) const INCIDENTS_DECLARED: &str = "skink_incidents_declared_total";
pub(crate) const INCIDENT_EFFECT_SECONDS: &str = "skink_incident_effect_seconds";
pub(crate) const SIGNATURES_REFUSED: &str = "skink_signatures_refused_total";
pub(crate) const SIGNATURES_UNASKED: &str = "skink_signatures_unasked_total";

/// Sets this process's recorder up, once; later calls give a recorder of their own that shows
/// nothing, so that several servers can live in one test process.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0])?
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
    }
    Ok(handle)
}

fn describe() {
    metrics::describe_counter!(REQUESTS, "HTTP requests by operation and status");
    metrics::describe_histogram!(REQUEST_SECONDS, metrics::Unit::Seconds, "Time to an answer");
    metrics::describe_counter!(HANDSHAKES_REFUSED, "TLS handshakes that failed");
    metrics::describe_counter!(CERTIFICATES_ISSUED, "Certificates issued");
    metrics::describe_counter!(CERTIFICATES_REVOKED, "Certificates revoked");
    metrics::describe_counter!(CRLS_PUBLISHED, "Certificate revocation lists published");
    metrics::describe_counter!(PACKAGES_PUBLISHED, "Trust packages published");
    metrics::describe_counter!(
        REPORTS_PASSED_OVER,
        "News of endpoints that are not the reporting agent's"
    );
    metrics::describe_counter!(INCIDENTS_DECLARED, "Incidents, drills and rotations declared");
    metrics::describe_histogram!(
        INCIDENT_EFFECT_SECONDS,
        metrics::Unit::Seconds,
        "Time to carry out an effect of an incident"
    );
    metrics::describe_counter!(SIGNATURES_REFUSED, "Signatures that the ledger refused");
    metrics::describe_counter!(
        SIGNATURES_UNASKED,
        "Signatures in a key service's record that nobody asked for"
    );
}
