//! What a chain is to be good for, as options of several commands.

use clap::Args;
use skink_chain::{Settings, words};
use skink_path::{PeerName, Profile, Purpose, Revocation};
use skink_x509::{ObjectIdentifier, Time};

use super::files;
use crate::when;
use crate::when::When;

/// What a chain is to be good for.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What it is to be good for")]
pub(super) struct SettingsArgs {
    /// The host that is connected to: a DNS name or an address.
    #[arg(long, visible_alias = "name", value_name = "NAME", group = "peer")]
    pub(super) host: Option<String>,
    /// The address that is connected to.
    #[arg(long, value_name = "ADDRESS", group = "peer")]
    ip: Option<std::net::IpAddr>,
    /// The mailbox that is written to.
    #[arg(long, value_name = "MAILBOX", group = "peer")]
    email: Option<String>,
    /// The URI that the peer has, such as a SPIFFE identity.
    #[arg(long, value_name = "URI", group = "peer")]
    uri: Option<String>,
    /// What the key is used for: server, client, any, email, code-signing, time-stamping,
    /// ocsp-signing.
    #[arg(long, default_value = "server", value_parser = words::purpose)]
    purpose: Purpose,
    /// How strict to be: `rfc5280` (sections 4 and 6), or `webpki`, as browsers are: names from
    /// subjectAltName only, an extended key usage is required, no weak keys.
    #[arg(long, default_value = "webpki", value_parser = words::profile)]
    profile: Profile,
    /// The time at which it must be good: RFC 3339, or how long ago (2h, 3d) [default: now]
    #[arg(long, value_name = "TIME")]
    time: Option<When>,
    /// Whose revocation is looked at: off, leaf, chain [default: leaf where there is a CRL or an
    /// OCSP response, off otherwise]
    #[arg(long, value_name = "SCOPE", value_parser = words::revocation)]
    revocation: Option<Revocation>,
    /// The most intermediates that are not self-issued [default: any number]
    #[arg(long, value_name = "N")]
    max_depth: Option<usize>,
    /// A certificate policy that is acceptable; may be repeated [default: any]
    #[arg(long, value_name = "OID")]
    policy: Vec<ObjectIdentifier>,
    /// Require a valid policy from the root on.
    #[arg(long)]
    explicit_policy: bool,
    /// Let policy mappings count for nothing.
    #[arg(long)]
    inhibit_mapping: bool,
    /// Let anyPolicy count for nothing.
    #[arg(long)]
    inhibit_any: bool,
}

impl SettingsArgs {
    /// With the defaults that depend on what is at hand.
    pub(super) fn resolve(&self, has_revocation_data: bool) -> Settings {
        let by_default = if has_revocation_data { Revocation::Leaf } else { Revocation::Off };
        Settings {
            time: self.time(),
            purpose: self.purpose,
            name: self.name(),
            profile: self.profile,
            revocation: self.revocation.unwrap_or(by_default),
            max_depth: self.max_depth,
            policies: self.policy.clone(),
            explicit_policy: self.explicit_policy,
            inhibit_mapping: self.inhibit_mapping,
            inhibit_any: self.inhibit_any,
        }
    }

    fn time(&self) -> Time {
        self.time.map_or_else(files::now, |it| Time::from_millis(it.millis(when::now())))
    }

    fn name(&self) -> PeerName {
        let Self { host, ip, email, uri, .. } = self;
        match (host, ip, email, uri) {
            (Some(host), ..) => words::host(host),
            (_, Some(ip), ..) => PeerName::Ip(*ip),
            (_, _, Some(mailbox), _) => PeerName::Email(mailbox.clone()),
            (.., Some(uri)) => PeerName::Uri(uri.clone()),
            _ => PeerName::None,
        }
    }
}
