//! Apache.

use std::fmt::Write as _;

use super::{CIPHERS, Section, Wanted};

pub(super) fn section(wanted: &Wanted) -> Section {
    let mut text = String::new();
    // Writing into a string does not fail.
    let mut put = |indent: usize, line: String| {
        let _ = writeln!(text, "{}{line}", " ".repeat(indent * 4));
    };
    if wanted.staples {
        put(0, "# Outside of any VirtualHost.".into());
        put(0, "SSLStaplingCache \"shmcb:ssl_stapling(32768)\"".into());
    }
    put(0, format!("<VirtualHost *:{}>", wanted.port));
    if !wanted.names.is_empty() {
        put(1, format!("ServerName {}", wanted.name()));
    }
    for alias in wanted.names.iter().skip(1) {
        put(1, format!("ServerAlias {alias}"));
    }
    put(1, "SSLEngine on".into());
    put(1, format!("SSLCertificateFile \"{}\"", wanted.fullchain));
    put(1, format!("SSLCertificateKeyFile \"{}\"", wanted.key));
    if wanted.modern {
        put(1, "SSLProtocol -all +TLSv1.3".into());
    } else {
        put(1, "SSLProtocol -all +TLSv1.2 +TLSv1.3".into());
        put(1, format!("SSLCipherSuite {CIPHERS}"));
    }
    put(1, "SSLHonorCipherOrder off".into());
    put(1, "SSLCompression off".into());
    put(1, "SSLSessionTickets off".into());
    if wanted.staples {
        put(1, "SSLUseStapling on".into());
        put(1, "SSLStaplingReturnResponderErrors off".into());
    }
    if let Some(clients) = &wanted.clients {
        put(1, format!("SSLCACertificateFile \"{clients}\""));
        put(1, "SSLVerifyClient require".into());
        put(1, "SSLVerifyDepth 3".into());
        if let Some(crl) = &wanted.crl {
            put(1, format!("SSLCARevocationFile \"{crl}\""));
            put(1, "SSLCARevocationCheck chain".into());
        }
    }
    put(0, "</VirtualHost>".into());
    let mut notes = wanted.notes();
    notes.push(format!(
        "`Listen {}` must stand in ports.conf; Debian: a2enmod ssl socache_shmcb",
        wanted.port
    ));
    let commands = vec!["apachectl -t".to_owned(), "apachectl -k graceful".to_owned()];
    Section { text, commands, notes }
}
