//! Arithmetic of retention: how many bytes a log holds, and up to where it may be cut.
//!
//! A log is counted in chunks, not records, so that the books stay small. Sealed chunks are written down;
//! only the open one is counted again when the log is opened. Pure: no IO.

use std::collections::VecDeque;

/// Bytes after which the open chunk is sealed.
pub(crate) const CHUNK_BYTES: u64 = 1 << 20;

/// A run of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// First offset.
    pub first: u64,
    /// Offset after the last.
    pub next: u64,
    /// Bytes of its records.
    pub bytes: u64,
}

/// The chunks of one log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    sealed: VecDeque<Chunk>,
    open: Option<Chunk>,
    bytes: u64,
}

impl Ledger {
    /// Takes up a sealed chunk that was written down earlier.
    pub fn restore(&mut self, chunk: Chunk) {
        self.bytes += chunk.bytes;
        self.sealed.push_back(chunk);
    }

    /// Counts a record; returns the chunk that it sealed, to be written down.
    pub fn push(&mut self, offset: u64, bytes: u64) -> Option<Chunk> {
        self.bytes += bytes;
        let chunk = self.open.get_or_insert(Chunk {
            first: offset,
            next: offset,
            bytes: 0,
        });
        chunk.next = offset + 1;
        chunk.bytes += bytes;
        if chunk.bytes < CHUNK_BYTES {
            return None;
        }
        let sealed = self.open.take()?;
        self.sealed.push_back(sealed);
        Some(sealed)
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sealed chunk that would be cut first.
    pub fn oldest_sealed(&self) -> Option<Chunk> {
        self.sealed.front().copied()
    }

    /// Removes at most `most` sealed chunks from the front, while they lie below `hold` and more than `limit`
    /// bytes are held.
    pub fn trim(&mut self, limit: u64, hold: u64, most: usize) -> Vec<Chunk> {
        let mut removed = Vec::new();
        while self.bytes > limit && removed.len() < most {
            match self.sealed.front() {
                Some(chunk) if chunk.next <= hold => {
                    self.bytes -= chunk.bytes;
                    removed.extend(self.sealed.pop_front());
                }
                _ => break,
            }
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_open_chunk_is_never_cut() {
        let mut ledger = Ledger::default();
        ledger.push(0, 100);
        assert!(ledger.trim(0, u64::MAX, 9).is_empty());
        assert_eq!(ledger.bytes(), 100);
    }

    proptest! {
        #[test]
        fn books_balance(sizes in prop::collection::vec(1u64..700_000, 0..60), limit in 0u64..8_000_000, hold in 0u64..80) {
            let mut ledger = Ledger::default();
            let mut restored = Ledger::default();
            for (offset, size) in (0u64..).zip(&sizes) {
                if let Some(chunk) = ledger.push(offset, *size) {
                    restored.restore(chunk);
                }
            }
            let total: u64 = sizes.iter().sum();
            prop_assert_eq!(ledger.bytes(), total);
            let removed = ledger.trim(limit, hold, usize::MAX);
            let gone: u64 = removed.iter().map(|c| c.bytes).sum();
            prop_assert_eq!(ledger.bytes(), total - gone);
            // Removed chunks are a prefix without gaps, wholly below the hold.
            let mut next = 0;
            for chunk in &removed {
                prop_assert_eq!(chunk.first, next);
                next = chunk.next;
                prop_assert!(chunk.next <= hold);
            }
            // It is over the limit only when what is left is held or open.
            if ledger.bytes() > limit {
                prop_assert!(ledger.sealed.front().is_none_or(|c| c.next > hold));
            }
        }
    }
}
