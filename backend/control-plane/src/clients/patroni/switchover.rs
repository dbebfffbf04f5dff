//! What an answer to `POST /switchover` says. A 200 may name another winner than the one asked for, a 503 may mean
//! that it still goes on: so an answer is a type, not a success.

use crate::clients::server_text;

/// What Patroni answered to a switchover. Only observation of the members says what really happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchoverAnswer {
    /// It says that this member leads now.
    Switched {
        /// The winner.
        to: String,
    },
    /// It says that another member won.
    SwitchedInstead {
        /// The winner.
        to: String,
        /// Whom we asked for.
        instead_of: String,
    },
    /// Not begun: wrong leader, unfit or unknown candidate, bad request.
    Refused {
        /// HTTP status, 400 or 412.
        status: u16,
        /// Patroni's words.
        text: String,
    },
    /// Begun and failed (503 `Switchover failed`).
    Failed {
        /// Patroni's words.
        text: String,
    },
    /// It may still be going on (503 `status unknown`).
    Unknown {
        /// Patroni's words.
        text: String,
    },
}

impl SwitchoverAnswer {
    pub(super) fn parse(status: u16, text: &str) -> Self {
        let text = server_text(text);
        let words = text.trim_end_matches('.');
        match status {
            200 | 202 => {
                if let Some((to, instead_of)) = words
                    .strip_prefix("Switched over to ")
                    .and_then(|rest| rest.split_once(" instead of "))
                {
                    return Self::SwitchedInstead {
                        to: unquote(to),
                        instead_of: unquote(instead_of),
                    };
                }
                match words.split_once(" switched over to ") {
                    Some((_, to)) => Self::Switched { to: unquote(to) },
                    None => Self::Unknown { text },
                }
            }
            400..=499 => Self::Refused { status, text },
            _ if text.to_ascii_lowercase().contains("unknown") => Self::Unknown { text },
            _ if text.contains("failed") => Self::Failed { text },
            _ => Self::Unknown { text },
        }
    }
}

fn unquote(name: &str) -> String {
    name.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(200, "Successfully switched over to \"eu\"", SwitchoverAnswer::Switched { to: "eu".into() })]
    #[case(200, "Successfully switched over to 'eu'", SwitchoverAnswer::Switched { to: "eu".into() })]
    #[case(
        200,
        "Switched over to \"ap\" instead of \"eu\"",
        SwitchoverAnswer::SwitchedInstead { to: "ap".into(), instead_of: "eu".into() }
    )]
    #[case(
        412,
        "leader name does not match",
        SwitchoverAnswer::Refused { status: 412, text: "leader name does not match".into() }
    )]
    #[case(503, "Switchover failed", SwitchoverAnswer::Failed { text: "Switchover failed".into() })]
    #[case(
        503,
        "Switchover status unknown",
        SwitchoverAnswer::Unknown { text: "Switchover status unknown".into() }
    )]
    #[case(200, "?", SwitchoverAnswer::Unknown { text: "?".into() })]
    fn switchover_answers(#[case] status: u16, #[case] text: &str, #[case] answer: SwitchoverAnswer) {
        assert_eq!(SwitchoverAnswer::parse(status, text), answer);
    }
}
