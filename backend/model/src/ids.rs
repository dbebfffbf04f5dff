//! Identifiers that are more than strings.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A DNS label: safe in a path, a query, a metric label and a terminal.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// An identifier that is a label, and the error for a text that is none.
macro_rules! label {
    ($(#[$about:meta])* $name:ident, $(#[$why:meta])* $invalid:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        $(#[$why])*
        pub struct $invalid(String);

        impl $name {
            /// The label as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = $invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if is_label(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($invalid(crate::text::sanitize(text, 80)))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $invalid;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

label! {
    /// A cloud region's label as used in the operations document, for example `us-east-1`.
    ///
    /// Always 1–63 characters of `a-z`, `0-9` and `-`, not starting or ending with `-` (a DNS label), so that it
    /// is safe in a path, a query, a metric label and a terminal.
    RegionId,
    /// Why a text is not a region's label.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    #[error("'{0}' is not a region label: use 1 to 63 of a-z, 0-9 and '-', with no '-' at either end")]
    InvalidRegionId
}

label! {
    /// The name of a database cluster among those of a deployment, for example `main`: a label as a region's is.
    ClusterName,
    /// Why a text is not a cluster's name.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    #[error("'{0}' is not a cluster name: use 1 to 63 of a-z, 0-9 and '-', with no '-' at either end")]
    InvalidClusterName
}

impl Default for ClusterName {
    /// `main`: what the only cluster of a deployment is called, and what the first one is called by default.
    fn default() -> Self {
        Self("main".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("us-east-1", true)]
    #[case("a", true)]
    #[case("", false)]
    #[case("-us", false)]
    #[case("us-", false)]
    #[case("US-east-1", false)]
    #[case("us east", false)]
    #[case("us/../etc", false)]
    fn labels(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<RegionId>().is_ok(), valid);
        assert_eq!(text.parse::<ClusterName>().is_ok(), valid);
    }
}
