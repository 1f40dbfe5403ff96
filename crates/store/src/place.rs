//! Where a database is.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::StoreError;

/// A file of SQLite's, or a database on a PostgreSQL server.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file: one server at a time.
    File(PathBuf),
    /// `postgres://USER@HOST:PORT/DATABASE`: any number of servers. What the URL does not say comes
    /// from the variables of PostgreSQL's own tools (`PGPASSWORD`, `PGPASSFILE`, `PGSSLMODE`,
    /// `PGSSLROOTCERT`, …).
    Server(Box<PgConnectOptions>),
}

/// The URL is none of PostgreSQL's, or has a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadPlace {
    /// It cannot be read.
    #[error("not a URL of PostgreSQL (postgres://USER@HOST:PORT/DATABASE)")]
    Url(#[source] Box<dyn Error + Send + Sync>),
    /// A secret has no place in a configuration.
    #[error(
        "a password has no place in the database's URL: give it in PGPASSWORD or a password file \
         (PGPASSFILE)"
    )]
    Password,
}

impl FromStr for Place {
    type Err = BadPlace;

    /// A URL of PostgreSQL's; anything else is the path of a file.
    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let Some(rest) =
            text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))
        else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        let user = rest.split(['/', '?']).next().and_then(|host| host.rsplit_once('@'));
        if user.is_some_and(|(user, _)| user.contains(':')) || rest.contains("password=") {
            return Err(BadPlace::Password);
        }
        let options = text.parse().map_err(|error| BadPlace::Url(Box::new(error)))?;
        Ok(Self::Server(Box::new(options)))
    }
}

impl fmt::Display for Place {
    /// Never with a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(options) => {
                let mut url = options.to_url_lossy();
                // A URL of a server takes both; there is nothing to do about one that does not.
                let _ = url.set_password(None);
                url.set_query(None);
                url.fmt(f)
            }
        }
    }
}

impl Place {
    /// The path of a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    pub(crate) fn cannot_open(&self, source: impl Error + Send + Sync + 'static) -> StoreError {
        StoreError::Open { place: self.to_string(), source: Box::new(source) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_taken_and_never_shown() {
        for url in
            ["postgres://skink:secret@db/skink", "postgresql://db/skink?user=skink&password=secret"]
        {
            assert!(matches!(url.parse::<Place>(), Err(BadPlace::Password)), "{url}");
        }
        let place: Place = "postgres://skink@db:6000/pki?sslmode=verify-full".parse().unwrap();
        assert_eq!(place.to_string(), "postgres://skink@db:6000/pki");
        let Place::Server(options) = place else { panic!("not a server") };
        let with = Place::Server(Box::new(options.password("secret")));
        assert_eq!(with.to_string(), "postgres://skink@db:6000/pki");
    }

    #[test]
    fn anything_else_is_a_file() {
        let place: Place = "data/skink.db".parse().unwrap();
        assert_eq!(place.file(), Some(Path::new("data/skink.db")));
        assert_eq!(place.to_string(), "data/skink.db");
        assert!(matches!("postgres://[".parse::<Place>(), Err(BadPlace::Url(_))));
    }
}
