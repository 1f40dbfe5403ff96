//! `skink profile`

use anyhow::{Result, bail};
use clap::Subcommand;
use skink_api::Profile;

use super::Session;
use crate::Failure;
use crate::table::{Facts, Table};

pub(crate) const LONG: &str = "Profiles: what an issuer may put in a certificate.\n\n\
    Profiles are configured in the server's folder (profiles.toml) and checked once, when the \
    server starts.";

#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// All profiles
    List,
    /// One profile
    Show {
        /// Its name.
        name: String,
    },
}

pub(crate) async fn run(command: ProfileCommand, session: &Session) -> Result<()> {
    let profiles: Vec<Profile> = session.api.get("/api/v1/profiles", &[]).await?;
    match command {
        ProfileCommand::List => session.out.table(&profiles, || table(&profiles)),
        ProfileCommand::Show { name } => {
            let Some(profile) = profiles.iter().find(|profile| profile.name == name) else {
                let known: Vec<&str> = profiles.iter().map(|p| p.name.as_str()).collect();
                bail!(Failure::Refused {
                    what: format!("there is no profile {name}"),
                    hint: format!("there are: {}", known.join(", ")),
                });
            };
            session.out.show(profile, || facts(profile).to_string())
        }
    }
}

fn table(profiles: &[Profile]) -> Table {
    let mut table = Table::new(["profile", "issuers", "for", "life", "usages"], "no profiles");
    for profile in profiles {
        table.row([
            profile.name.clone(),
            profile.issuers.join(", "),
            roles(profile),
            life(profile.lifetime.default_s),
            profile.extended_key_usages.join(", "),
        ]);
    }
    table
}

fn facts(profile: &Profile) -> Facts {
    Facts::default()
        .fact("profile", &profile.name)
        .fact("issuers", profile.issuers.join(", "))
        .fact("for", roles(profile))
        .fact("life", life(profile.lifetime.default_s))
        .fact("at most", life(profile.lifetime.max_s))
        .fact("usages", profile.extended_key_usages.join(", "))
        .fact("keys", profile.key_algorithms.join(", "))
}

fn roles(profile: &Profile) -> String {
    let roles: Vec<&str> = profile.roles.iter().map(|role| role.as_str()).collect();
    roles.join(", ")
}

/// A lifetime in the largest unit that divides it.
fn life(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let unit =
        units.into_iter().find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size));
    unit.map_or_else(|| format!("{seconds}s"), |(size, name)| format!("{}{name}", seconds / size))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_lifetime_is_said_in_its_largest_whole_unit() {
        assert_eq!(super::life(30 * 86_400), "30d");
        assert_eq!(super::life(36 * 3600), "36h");
        assert_eq!(super::life(61), "61s");
    }
}
