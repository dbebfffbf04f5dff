//! What an error says about the host it came from.

use sqlx::Error;

/// What to do about a host after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The host is fine; the call was wrong.
    Fine,
    /// The host is fine; the same call can succeed later (a deadlock, a statement time-out).
    Retry,
    /// No connection became free in time: ask the host whether it lives, keep its pool if it does.
    Busy,
    /// The host does not take writes (any more).
    ReadOnly,
    /// The host went away: its connections are worth nothing.
    Gone,
}

impl Verdict {
    /// Whether the host must be looked for again.
    #[must_use]
    pub fn lost(self) -> bool {
        matches!(self, Self::Busy | Self::ReadOnly | Self::Gone)
    }

    /// Whether repeating the same call can help.
    #[must_use]
    pub fn transient(self) -> bool {
        self != Self::Fine
    }
}

pub(super) fn classify(error: &Error) -> Verdict {
    match error {
        Error::PoolTimedOut => Verdict::Busy,
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::PoolClosed | Error::WorkerCrashed => {
            Verdict::Gone
        }
        Error::Database(answer) => answer.code().map_or(Verdict::Fine, |code| by_sqlstate(&code)),
        _ => Verdict::Fine,
    }
}

fn by_sqlstate(code: &str) -> Verdict {
    match code {
        // read_only_sql_transaction
        "25006" => Verdict::ReadOnly,
        // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped while it is made anew
        "57P01" | "57P02" | "57P03" | "57P04" => Verdict::Gone,
        code if code.starts_with("08") => Verdict::Gone,
        // too_many_connections
        "53300" => Verdict::Busy,
        // serialization_failure (also a recovery conflict), deadlock, query_canceled, lock_not_available
        "40001" | "40P01" | "57014" | "55P03" => Verdict::Retry,
        _ => Verdict::Fine,
    }
}

/// Whether a replica has not replayed the schema yet that the writer has (`undefined_table`, `undefined_column`).
pub(super) fn behind(error: &Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("42P01" | "42703"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("25006", Verdict::ReadOnly, true)]
    #[case("57P01", Verdict::Gone, true)]
    #[case("57P02", Verdict::Gone, true)]
    #[case("57P03", Verdict::Gone, true)]
    #[case("08006", Verdict::Gone, true)]
    #[case("53300", Verdict::Busy, true)]
    #[case("40P01", Verdict::Retry, false)]
    #[case("57014", Verdict::Retry, false)]
    #[case("23505", Verdict::Fine, false)]
    #[case("42P01", Verdict::Fine, false)]
    fn states(#[case] code: &str, #[case] verdict: Verdict, #[case] lost: bool) {
        assert_eq!(by_sqlstate(code), verdict);
        assert_eq!(verdict.lost(), lost);
    }

    #[test]
    fn connection_loss() {
        let io = Error::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert_eq!(classify(&io), Verdict::Gone);
        assert_eq!(classify(&Error::PoolTimedOut), Verdict::Busy);
        assert_eq!(classify(&Error::RowNotFound), Verdict::Fine);
    }
}
