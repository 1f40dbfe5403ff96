use super::*;

const LEAST: &str = "domain = \"example\"\n[public]\nbase_url = \"http://pki.example\"\nhosts = [\"pki.example\"]\n";

fn settings(text: &str) -> Result<Settings, ConfigError> {
    Settings::new(Path::new("/nowhere"), toml::from_str(text).unwrap())
}

#[test]
fn the_least_configuration_gets_defaults_that_nest() {
    let settings = settings(LEAST).unwrap();
    assert_eq!(settings.crl_life(), Duration::from_hours(7 * 24));
    assert_eq!(settings.server_name(), "skink.example");
    assert_eq!(settings.agent_url(12), "https://pki.example:12");
}

#[test]
fn unknown_fields_and_lifetimes_that_do_not_nest_are_refused() {
    assert!(toml::from_str::<Config>(&format!("colour = 1\n{LEAST}")).is_err());
    for bad in ["crl_s = 1000", "package_s = 1000000", "end_entity_s = 0", "ocsp_s = 0"] {
        let error = settings(&format!("{LEAST}[lifetimes]\n{bad}\n")).unwrap_err();
        assert!(matches!(error, ConfigError::Invalid { .. }), "{bad}: {error}");
    }
    assert!(settings(&LEAST.replace("http://", "https://")).is_err());
    let keys = |places: &str| settings(&format!("{LEAST}[keys]\nplaces = [{places}]\n"));
    assert_eq!(keys("'vault:transit/', 'pkcs11:token=a'").unwrap().key_places().len(), 2);
    for bad in ["'software:a'", "'vault:a/', 'vault:b/'"] {
        assert!(matches!(keys(bad), Err(ConfigError::Invalid { .. })), "{bad}");
    }
}

#[test]
fn quotas_are_the_services_own_unless_the_configuration_says_others() {
    let keys = |quota: &str| settings(&format!("{LEAST}[keys.quota]\n{quota}\n"));
    let of = |settings: &Settings, key: &str| settings.quotas().per_second(&key.parse().unwrap());
    let default = settings(LEAST).unwrap();
    assert_eq!(of(&default, "awskms:alias/ca"), Some(1_000));
    assert_eq!(of(&default, "vault:transit/ca?version=1"), None);
    let set = keys("awskms = 4000\nazurekv = 0\n'vault:transit/ca?version=1' = 50").unwrap();
    assert_eq!(of(&set, "awskms:alias/ca"), Some(4_000));
    assert_eq!(of(&set, "azurekv:https://v.vault.azure.net/keys/ca"), None);
    assert_eq!(of(&set, "vault:transit/ca?version=1"), Some(50));
    assert_eq!(of(&set, "vault:transit/ca?version=2"), None);
    for bad in ["aws = 5", "'vault:' = 5"] {
        assert!(matches!(keys(bad), Err(ConfigError::Invalid { .. })), "{bad}");
    }
    let text = toml::to_string_pretty(&default.config).unwrap();
    assert!(!text.contains("quota"), "{text}");
}

#[test]
fn the_quiet_period_outlasts_what_clocks_may_differ_by() {
    let timings = |quiet: u64, off: u64| {
        let timings = format!("quiet_ms = {quiet}\nclock_offset_max_ms = {off}");
        settings(&format!("{LEAST}[incident]\n{timings}\n"))
    };
    assert!(timings(1_001, 1_000).is_ok());
    for quiet in [0, 999, 1_000] {
        let error = timings(quiet, 1_000).unwrap_err().to_string();
        let clear = error.starts_with(&format!("configuration: incident.quiet_ms is {quiet}"))
            && error.contains("longer than incident.clock_offset_max_ms, which is 1000");
        assert!(clear, "{error}");
    }
}
