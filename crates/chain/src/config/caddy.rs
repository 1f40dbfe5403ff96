//! Caddy.

use super::{Section, Wanted};

pub(super) fn section(wanted: &Wanted) -> Section {
    let port = wanted.port;
    let sites: Vec<String> =
        wanted.names.iter().map(|name| format!("https://{name}:{port}")).collect();
    let sites = if sites.is_empty() { format!("https://:{port}") } else { sites.join(", ") };
    let mut tls = format!("    tls \"{}\" \"{}\"", wanted.fullchain, wanted.key);
    let mut inside = String::new();
    if wanted.modern {
        inside += "        protocols tls1.3\n";
    }
    if let Some(clients) = &wanted.clients {
        inside += "        client_auth {\n            mode require_and_verify\n            \
                   trusted_ca_cert_file \"";
        inside += clients;
        inside += "\"\n        }\n";
    }
    if !inside.is_empty() {
        tls += " {\n";
        tls += &inside;
        tls += "    }";
    }
    let text = format!("{sites} {{\n{tls}\n    respond ok\n}}\n");
    let mut notes = wanted.notes();
    notes.push(
        "put `reverse_proxy ADDRESS` or `file_server` in the place of `respond ok`".to_owned(),
    );
    notes.push("Caddy staples by itself, and its ciphers are good without a word".to_owned());
    if wanted.crl.is_some() {
        notes.push(
            "Caddy itself checks no CRLs of clients: keep their certificates short-lived"
                .to_owned(),
        );
    }
    let commands = vec![
        "caddy validate --config /etc/caddy/Caddyfile --adapter caddyfile".to_owned(),
        "caddy reload --config /etc/caddy/Caddyfile --adapter caddyfile --force".to_owned(),
    ];
    Section { text, commands, notes }
}
