//! What a configuration must hold to, beyond its shape.

use std::collections::{BTreeMap, BTreeSet};

use skink_model::with_causes;
use skink_signer::KeyUri;
use skink_store::Place;

use super::{Config, ConfigError, IncidentTimings, Lifetimes};

/// Every provider that a key may be of.
const PROVIDERS: [&str; 6] = ["software", "vault", "pkcs11", "awskms", "azurekv", "gcpkms"];

/// Refuses what contradicts itself, names nothing, or would publish what does not last.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let invalid = |field, rule: &str| Err(ConfigError::Invalid { field, rule: rule.to_owned() });
    let label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    if config.domain.is_empty() || config.domain.len() > 200 || !config.domain.bytes().all(label) {
        return invalid("domain", "must be a name of a-z, 0-9, '-' and '.'");
    }
    let url = &config.public.base_url;
    let host = url.strip_prefix("http://").unwrap_or_default().trim_end_matches('/');
    if host.is_empty() || host.contains('/') {
        return invalid("public.base_url", "must be http://HOST[:PORT] without a path");
    }
    if config.public.hosts.is_empty() {
        return invalid("public.hosts", "must name at least one host of this server");
    }
    let agent_url = config.public.agent_url.as_deref().unwrap_or("https://");
    if !agent_url.starts_with("https://") {
        return invalid("public.agent_url", "must begin with https://");
    }
    if !(1..=1024).contains(&config.crl.partitions) {
        return invalid("crl.partitions", "must be 1 to 1024");
    }
    check_nesting(&config.lifetimes)?;
    check_places(&config.keys.places)?;
    check_quotas(&config.keys.quota)?;
    check_incident(&config.incident)
}

/// The database that a configuration names.
pub(super) fn server(url: &str) -> Result<Place, ConfigError> {
    let invalid = |rule: String| ConfigError::Invalid { field: "database.url", rule };
    match url.parse() {
        Ok(place @ Place::Server(_)) => Ok(place),
        Ok(Place::File(_)) => Err(invalid("must be postgres://USER@HOST:PORT/DATABASE".to_owned())),
        Err(error) => Err(invalid(format!("is refused: {}", with_causes(&error)))),
    }
}

fn check_incident(timings: &IncidentTimings) -> Result<(), ConfigError> {
    let invalid = |field, rule: String| Err(ConfigError::Invalid { field, rule });
    if timings.probe_handshakes == 0 || timings.wave_size == 0 {
        let rule = "needs probe_handshakes and wave_size of at least 1";
        return invalid("incident", rule.to_owned());
    }
    // An endpoint tells by its own clock whom it saw; it must not lag by the whole period.
    let (quiet, off) = (timings.quiet_ms, timings.clock_offset_max_ms);
    if quiet <= off {
        let rule = format!(
            "is {quiet} and must be longer than incident.clock_offset_max_ms, which is {off}: the \
             quiet period has to outlast what clocks may differ by"
        );
        return invalid("incident.quiet_ms", rule);
    }
    Ok(())
}

fn check_places(places: &[KeyUri]) -> Result<(), ConfigError> {
    let schemes: BTreeSet<&str> = places.iter().map(KeyUri::scheme).collect();
    if schemes.len() == places.len() && !schemes.contains("software") {
        return Ok(());
    }
    let rule = "must name at most one place of each service, and no file";
    Err(ConfigError::Invalid { field: "keys.places", rule: rule.to_owned() })
}

fn check_quotas(quotas: &BTreeMap<String, u32>) -> Result<(), ConfigError> {
    let known = |of: &String| PROVIDERS.contains(&of.split(':').next().unwrap_or_default());
    // A provider by its name alone, or a key's whole URI.
    let fits = |of: &String| known(of) && (!of.contains(':') || of.parse::<KeyUri>().is_ok());
    let Some(odd) = quotas.keys().find(|of| !fits(of)) else { return Ok(()) };
    let rule = format!(
        "has {odd:?}, which is neither a key's URI nor a provider: {}",
        PROVIDERS.join(", ")
    );
    Err(ConfigError::Invalid { field: "keys.quota", rule })
}

fn check_nesting(lifetimes: &Lifetimes) -> Result<(), ConfigError> {
    let invalid = |field, rule: &str| Err(ConfigError::Invalid { field, rule: rule.to_owned() });
    let Lifetimes { crl_s, crl_refresh_s, package_s, package_refresh_s, end_entity_s, .. } =
        *lifetimes;
    if crl_refresh_s == 0 || crl_refresh_s.saturating_mul(2) > crl_s {
        return invalid("lifetimes.crl_refresh_s", "must be at most half of lifetimes.crl_s");
    }
    if package_refresh_s == 0 || package_refresh_s.saturating_mul(2) > package_s {
        return invalid(
            "lifetimes.package_refresh_s",
            "must be at most half of lifetimes.package_s",
        );
    }
    // A package expires before every list in it: the oldest list in it has crl_s - crl_refresh_s left.
    if package_s > crl_s - crl_refresh_s {
        return invalid(
            "lifetimes.package_s",
            "must end before the lists in a package do: at most crl_s - crl_refresh_s",
        );
    }
    if end_entity_s == 0 || end_entity_s > 398 * 24 * 3600 {
        return invalid("lifetimes.end_entity_s", "must be between 1 s and 398 days");
    }
    if lifetimes.ocsp_s == 0 || lifetimes.backdate_s > 24 * 3600 {
        return invalid("lifetimes", "need ocsp_s above 0 and backdate_s of at most a day");
    }
    Ok(())
}
