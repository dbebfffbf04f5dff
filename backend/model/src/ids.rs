//! Identifiers that are more than strings.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A cloud region's label as used in the operations document, for example `us-east-1`.
///
/// Always 1–63 characters of `a-z`, `0-9` and `-`, not starting or ending with `-` (a DNS label), so that it
/// is safe in a path, a query, a metric label and a terminal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegionId(String);

/// Why a text is not a region's label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a region label: use 1 to 63 of a-z, 0-9 and '-', with no '-' at either end")]
pub struct InvalidRegionId(String);

impl RegionId {
    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RegionId {
    type Err = InvalidRegionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let label = (1..=63).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if label {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRegionId(crate::text::sanitize(text, 80)))
        }
    }
}

impl TryFrom<String> for RegionId {
    type Error = InvalidRegionId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RegionId> for String {
    fn from(id: RegionId) -> Self {
        id.0
    }
}

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
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
    }
}
