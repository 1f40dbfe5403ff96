//! nginx.

use std::fmt::Write as _;

use super::{CIPHERS, Section, Wanted};

pub(super) fn section(wanted: &Wanted) -> Section {
    let mut text = format!(
        "server {{\n    listen {0} ssl;\n    listen [::]:{0} ssl;\n    server_name {1};\n\n    \
         ssl_certificate \"{2}\";\n    ssl_certificate_key \"{3}\";\n",
        wanted.port,
        if wanted.names.is_empty() { "_".to_owned() } else { wanted.names.join(" ") },
        wanted.fullchain,
        wanted.key,
    );
    // Writing into a string does not fail.
    let mut put = |line: String| {
        let _ = writeln!(text, "    {line}");
    };
    if wanted.modern {
        put("ssl_protocols TLSv1.3;".into());
    } else {
        put("ssl_protocols TLSv1.2 TLSv1.3;".into());
        put(format!("ssl_ciphers {CIPHERS};"));
    }
    put("ssl_prefer_server_ciphers off;".into());
    put("ssl_session_cache shared:skink:10m;".into());
    put("ssl_session_timeout 1d;".into());
    put("ssl_session_tickets off;".into());
    if wanted.staples {
        put("ssl_stapling on;".into());
        put("ssl_stapling_verify on;".into());
        if let Some(chain) = &wanted.chain {
            put(format!("ssl_trusted_certificate \"{chain}\";"));
        }
        if let Some(resolver) = &wanted.resolver {
            put(format!("resolver {resolver};"));
        }
    }
    if let Some(clients) = &wanted.clients {
        put(format!("ssl_client_certificate \"{clients}\";"));
        put("ssl_verify_client on;".into());
        put("ssl_verify_depth 3;".into());
        if let Some(crl) = &wanted.crl {
            put(format!("ssl_crl \"{crl}\";"));
        }
    }
    text.push_str("}\n");
    let mut notes = wanted.notes();
    if wanted.staples && wanted.resolver.is_none() {
        notes.push(
            "stapling looks up the responder's name once, at start; --resolver 127.0.0.53 lets it \
             look again"
                .to_owned(),
        );
    }
    if wanted.crl.is_some() {
        notes.push(
            "ssl_crl needs a list of every authority above the clients, the root included".into(),
        );
    }
    let commands = vec!["nginx -t".to_owned(), "nginx -s reload".to_owned()];
    Section { text, commands, notes }
}
