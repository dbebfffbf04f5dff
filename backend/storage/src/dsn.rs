//! The multi-host connection string, as libpq understands it and sqlx does not.

use crate::error::{Error, Result};
use std::fmt;

/// One PostgreSQL host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// Name or address.
    pub name: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// A parsed `postgres://user:password@host:port,host:port/database?application_name=…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    /// Hosts in the order written; readers prefer the first that answers.
    pub hosts: Vec<Host>,
    /// User.
    pub user: String,
    /// Password.
    pub password: Option<String>,
    /// Database.
    pub database: String,
    /// `application_name`, shown in `pg_stat_activity`.
    pub application: Option<String>,
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password stays out of logs.
        f.debug_struct("Dsn")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl Dsn {
    /// Parses a connection string.
    ///
    /// `target_session_attrs` may be given as `read-write` or `any`: which host is used is decided for each call
    /// (writer or reader), so both mean the same here; anything else is refused rather than ignored.
    ///
    /// # Errors
    /// [`Error::BadDsn`] with the part that is wrong; never with the password.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::BadDsn(why.to_owned());
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
            .ok_or_else(|| bad("it does not begin with postgres://"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest
            .split_once('/')
            .ok_or_else(|| bad("the database is missing"))?;
        let (credentials, hosts) = authority
            .rsplit_once('@')
            .ok_or_else(|| bad("the user is missing"))?;
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(decode(password)?)),
            None => (credentials, None),
        };
        if user.is_empty() || database.is_empty() {
            return Err(bad("user and database must not be empty"));
        }
        Ok(Self {
            hosts: hosts.split(',').map(host).collect::<Result<_>>()?,
            user: decode(user)?,
            password,
            database: decode(database)?,
            application: parameters(query)?,
        })
    }
}

fn host(text: &str) -> Result<Host> {
    let bad = || Error::BadDsn(format!("'{text}' is not host:port"));
    let (name, port) = if let Some(rest) = text.strip_prefix('[') {
        let (name, port) = rest.split_once(']').ok_or_else(bad)?;
        (name, port.strip_prefix(':'))
    } else {
        match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        }
    };
    if name.is_empty() {
        return Err(bad());
    }
    let port = port.map_or(Ok(5432), str::parse).map_err(|_| bad())?;
    Ok(Host {
        name: name.to_owned(),
        port,
    })
}

fn parameters(query: &str) -> Result<Option<String>> {
    let mut application = None;
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        match pair.split_once('=') {
            Some(("target_session_attrs", "read-write" | "any") | ("sslmode", "disable" | "prefer")) => {}
            Some(("application_name", name)) => application = Some(decode(name)?),
            _ => return Err(Error::BadDsn(format!("the parameter '{pair}' is not supported"))),
        }
    }
    Ok(application)
}

fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next(), rest.next()].map(|b| char::from(b.unwrap_or(b'?')).to_digit(16));
            let [Some(high), Some(low)] = digits else {
                return Err(Error::BadDsn(
                    "a '%' is not followed by two hexadecimal digits".into(),
                ));
            };
            bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::BadDsn("it is not UTF-8 after decoding".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn several_hosts_in_order() {
        let dsn = Dsn::parse(
            "postgres://aisoc:p%40w:x@127.0.0.1:1,db.example,[::1]:3/aisoc?target_session_attrs=read-write&application_name=a%20b",
        )
        .unwrap();
        let hosts: Vec<String> = dsn.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["127.0.0.1:1", "db.example:5432", "[::1]:3"]);
        assert_eq!(dsn.password.as_deref(), Some("p@w:x"));
        assert_eq!(dsn.application.as_deref(), Some("a b"));
        assert!(!format!("{dsn:?}").contains("p@w"));
    }

    #[rstest]
    #[case("mysql://a@h/d", "postgres://")]
    #[case("postgres://a@h", "database")]
    #[case("postgres://h:1/d", "user")]
    #[case("postgres://a@h:x/d", "'h:x'")]
    #[case("postgres://a@h:1,/d", "''")]
    #[case("postgres://a@h/d?target_session_attrs=standby", "standby")]
    #[case("postgres://a:%zz@h/d", "'%'")]
    fn refusals_name_the_part(#[case] text: &str, #[case] part: &str) {
        let message = Dsn::parse(text).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}
