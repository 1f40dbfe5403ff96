//! `HAProxy`.

use super::{CIPHERS, Section, Wanted};
use crate::shell_word;

pub(super) fn section(wanted: &Wanted) -> Section {
    let oldest = if wanted.modern { "TLSv1.3" } else { "TLSv1.2" };
    // A quoted word may hold blanks.
    let mut bind =
        format!("bind :{} ssl crt \"{}\" alpn h2,http/1.1", wanted.port, wanted.fullchain);
    if let Some(clients) = &wanted.clients {
        bind += " ca-file \"";
        bind += clients;
        bind += "\" verify required";
        if let Some(crl) = &wanted.crl {
            bind += " crl-file \"";
            bind += crl;
            bind += "\"";
        }
    }
    let text = format!(
        "global\n    ssl-default-bind-ciphers {CIPHERS}\n    \
         ssl-default-bind-options ssl-min-ver {oldest} no-tls-tickets\n    \
         ssl-load-extra-files key ocsp\n\n\
         frontend https\n    mode http\n    timeout client 30s\n    {bind}\n    \
         http-request return status 200 content-type text/plain string ok\n"
    );
    let mut notes = wanted.notes();
    notes.push(format!("the key is read from {}.key beside the certificate", wanted.fullchain));
    notes.push("put `default_backend NAME` in the place of the line that returns ok".to_owned());
    let mut commands = vec![format!(
        "ln -sf {} {}",
        shell_word(&wanted.key),
        shell_word(&format!("{}.key", wanted.fullchain))
    )];
    if wanted.staples {
        notes.push(format!(
            "HAProxy fetches no OCSP responses before 2.8: a timer has to write {}.ocsp and load \
             it anew",
            wanted.fullchain
        ));
        if let Some(chain) = &wanted.chain {
            commands.push(format!(
                "openssl ocsp -issuer {} -cert {cert} -url \"$(openssl x509 -in {cert} -noout \
                 -ocsp_uri)\" -no_nonce -respout {}",
                shell_word(chain),
                shell_word(&format!("{}.ocsp", wanted.fullchain)),
                cert = shell_word(&wanted.fullchain),
            ));
        }
    }
    commands.push("haproxy -c -f /etc/haproxy/haproxy.cfg".to_owned());
    commands.push("systemctl reload haproxy".to_owned());
    Section { text, commands, notes }
}
