//! Where a database is.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use tokio_postgres::config::Host;

/// A file of SQLite's, or a schema in a PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DbTarget {
    /// SQLite; the file is made when it is missing.
    File(PathBuf),
    /// PostgreSQL; the schema is made when it is missing, so that one database can hold all services.
    Postgres {
        /// Which server and database.
        url: PostgresUrl,
        /// Lower-case letters, digits and `_`.
        schema: String,
        /// Who else may have it open.
        sharing: Sharing,
    },
}

/// Who else may have a schema open. A file is guarded by the lock of its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody else who is alone: a service keeps in memory what it read.
    Alone,
    /// A server that runs: for what an operator does beside it.
    Beside,
}

impl fmt::Display for DbTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres { url, schema, .. } => write!(f, "{url} (schema {schema})"),
        }
    }
}

impl From<PathBuf> for DbTarget {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}
impl From<&Path> for DbTarget {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}
impl From<&PathBuf> for DbTarget {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}
impl From<&Self> for DbTarget {
    fn from(target: &Self) -> Self {
        target.clone()
    }
}

/// `postgres://user:password@host:port/database`. It prints without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Box<tokio_postgres::Config>);

/// Why a URL was refused; it does not repeat the URL, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// It is not a URL of PostgreSQL.
    #[error("a PostgreSQL database is written as postgres://user:password@host:port/database")]
    Malformed,
    /// It asks for TLS.
    #[error(
        "VoxLink does not encrypt its connection to PostgreSQL: reach it over loopback, a Unix socket or a private network, and leave out sslmode=require"
    )]
    Tls,
}

impl PostgresUrl {
    /// The names or addresses of the machines that it is on; a socket in the file system is on none.
    pub fn hosts(&self) -> Vec<String> {
        let named = self.0.get_hosts().iter().filter_map(|host| match host {
            Host::Tcp(name) => Some(name.clone()),
            Host::Unix(_) => None,
        });
        named.chain(self.0.get_hostaddrs().iter().map(ToString::to_string)).collect()
    }

    pub(super) fn config(&self) -> tokio_postgres::Config {
        (*self.0).clone()
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, PostgresUrlError> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(PostgresUrlError::Malformed);
        }
        let config: tokio_postgres::Config = text.parse().map_err(|_| PostgresUrlError::Malformed)?;
        if config.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
            return Err(PostgresUrlError::Tls);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(PostgresUrlError::Malformed);
        }
        Ok(Self(Box::new(config)))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        match (self.0.get_hosts().first(), self.0.get_hostaddrs().first()) {
            (Some(Host::Tcp(name)), _) => f.write_str(name)?,
            (Some(Host::Unix(path)), _) => path.display().fmt(f)?,
            (None, Some(address)) => address.fmt(f)?,
            (None, None) => {}
        }
        if let Some(port) = self.0.get_ports().first() {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.0.get_dbname().or(self.0.get_user()).unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        let url: PostgresUrl = "postgres://anna:hush@db.example:5433/vox".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db.example:5433/vox");
        assert!(!format!("{url:?}").contains("hush"));
        let socket: PostgresUrl = "postgresql:///vox?host=/run/postgresql&user=anna".parse().unwrap();
        assert_eq!(socket.to_string(), "postgres:///run/postgresql/vox");
    }

    #[test]
    fn what_is_no_url_or_asks_for_tls_is_refused_without_being_repeated() {
        for (text, error) in [
            ("mysql://db", PostgresUrlError::Malformed),
            ("postgres://anna:hush@db:port/vox", PostgresUrlError::Malformed),
            ("postgres:///vox", PostgresUrlError::Malformed),
            ("postgres://anna:hush@db/vox?sslmode=require", PostgresUrlError::Tls),
        ] {
            let refused = text.parse::<PostgresUrl>().unwrap_err();
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("hush"));
        }
    }
}
