//! The hash chain of the operations journal: pure, so that anyone can verify an export.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The hash before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The operation it belongs to.
    pub operation: String,
    /// Kind: `planned`, `started`, `intent`, `result`, `held`, `ended`, …
    pub kind: String,
    /// The content: JSON as it was written, byte for byte.
    pub body: String,
    /// Hash of the entry before, hex.
    pub previous: String,
    /// SHA-256 over seq, at, operation, kind, body and previous, hex.
    pub hash: String,
}

impl Entry {
    /// An entry behind `previous` (its seq and hash), or the first one.
    #[must_use]
    pub fn after(
        previous: Option<(u64, &str)>,
        at: Timestamp,
        operation: &str,
        kind: &str,
        body: String,
    ) -> Self {
        let (seq, previous) = previous.map_or((1, GENESIS), |(seq, hash)| (seq.saturating_add(1), hash));
        let mut entry = Self {
            seq,
            at,
            operation: operation.to_owned(),
            kind: kind.to_owned(),
            body,
            previous: previous.to_owned(),
            hash: String::new(),
        };
        entry.hash = entry.computed_hash();
        entry
    }

    fn computed_hash(&self) -> String {
        let mut sha = Sha256::new();
        for field in [
            &self.seq.to_string(),
            &self.at.to_string(),
            &self.operation,
            &self.kind,
            &self.body,
            &self.previous,
        ] {
            // A length before each field: "ab"+"c" must not hash as "a"+"bc".
            sha.update((field.len() as u64).to_be_bytes());
            sha.update(field.as_bytes());
        }
        hex::encode(sha.finalize())
    }
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing or out of order.
    #[error("entry {expected} is missing: found {found} in its place")]
    Gap {
        /// The seq that should be here.
        expected: u64,
        /// The seq that is.
        found: u64,
    },
    /// An entry does not follow the one before.
    #[error("entry {0} does not follow the entry before it")]
    Link(u64),
    /// An entry was changed.
    #[error("entry {0} was changed after it was written")]
    Content(u64),
}

/// Checks a whole chain and returns the number of its entries.
///
/// # Errors
/// The first place where it is broken.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<u64, Broken> {
    let mut previous = GENESIS.to_owned();
    let mut count = 0_u64;
    for entry in entries {
        let expected = count.saturating_add(1);
        if entry.seq != expected {
            return Err(Broken::Gap {
                expected,
                found: entry.seq,
            });
        }
        if entry.previous != previous {
            return Err(Broken::Link(entry.seq));
        }
        if entry.computed_hash() != entry.hash {
            return Err(Broken::Content(entry.seq));
        }
        previous.clone_from(&entry.hash);
        count = expected;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(bodies: &[String]) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for body in bodies {
            let last = entries.last().map(|e| (e.seq, e.hash.clone()));
            entries.push(Entry::after(
                last.as_ref().map(|(s, h)| (*s, h.as_str())),
                Timestamp::UNIX_EPOCH,
                "op",
                "intent",
                body.clone(),
            ));
        }
        entries
    }

    proptest! {
        #[test]
        fn any_change_is_found(bodies in prop::collection::vec(".{0,20}", 2..8), at in 0usize..8, text in ".{1,9}") {
            let good = chain(&bodies);
            prop_assert_eq!(verify(&good), Ok(bodies.len() as u64));
            let at = at % good.len();
            let mut changed = good.clone();
            changed[at].body.push_str(&text);
            prop_assert_eq!(verify(&changed), Err(Broken::Content(at as u64 + 1)));
            if at + 1 < good.len() {
                let mut removed = good;
                removed.remove(at);
                prop_assert!(verify(&removed).is_err());
            }
        }
    }
}
