//! `PostgreSQL`.

use std::fmt::Write as _;

use super::{CIPHERS, Section, Wanted};
use crate::shell_word;

pub(super) fn section(wanted: &Wanted) -> Section {
    let oldest = if wanted.modern { "TLSv1.3" } else { "TLSv1.2" };
    let mut text = format!(
        "# postgresql.conf\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n\
         ssl_min_protocol_version = '{oldest}'\nssl_ciphers = '{CIPHERS}'\n\
         ssl_prefer_server_ciphers = on\n",
        wanted.fullchain, wanted.key
    );
    let mut notes = wanted.notes();
    if let Some(clients) = &wanted.clients {
        // Writing into a string does not fail.
        let _ = writeln!(text, "ssl_ca_file = '{clients}'");
        if let Some(crl) = &wanted.crl {
            let _ = writeln!(text, "ssl_crl_file = '{crl}'");
        }
        notes.push(
            "in pg_hba.conf: `hostssl all all all cert` takes clients by certificate, with the \
             common name as user; `… scram-sha-256 clientcert=verify-ca` wants both"
                .to_owned(),
        );
    }
    notes.push(
        "PostgreSQL cannot staple; clients verify with sslmode=verify-full sslrootcert=ROOT"
            .to_owned(),
    );
    let key = shell_word(&wanted.key);
    let commands = vec![
        format!("chown postgres: {key} && chmod 600 {key}"),
        "psql -c 'select pg_reload_conf()'".to_owned(),
        "psql -c 'select name, setting, error from pg_file_settings where error is not null'"
            .to_owned(),
    ];
    Section { text, commands, notes }
}
