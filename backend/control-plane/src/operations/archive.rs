//! Operations that are asked for afterwards: by their id or the beginning of it, a page at a time. What the ledger
//! no longer keeps is rebuilt from the journal.

use crate::operations::event::Event;
use crate::operations::record::Record;
use crate::operations::{OperationError, Operations, not_found};
use aisoc_model::journal::Entry;
use aisoc_model::operation::Operation;
use aisoc_model::record::{JournalSpan, OperationRecord};

/// Characters of an id that are enough to ask by.
const SHORTEST: usize = 8;
/// Length of an id.
const LONGEST: usize = 36;
/// Operations on a page, at most.
const PAGE: u32 = 100;
/// Ids that are named when a beginning fits several.
const NAMED: u32 = 5;

impl Operations {
    /// The operation with this id, or the one whose id begins like this.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] when there is none, [`OperationError::Invalid`] when there are several or the
    /// text can be no beginning, [`OperationError::Unreadable`] when the journal cannot be read.
    pub async fn find(&self, id: &str) -> Result<Operation, OperationError> {
        if let Some(operation) = self.get(id) {
            return Ok(operation);
        }
        let id = self.whole_id(id).await?;
        match self.get(&id) {
            Some(operation) => Ok(operation),
            None => self.rebuilt(&id).await,
        }
    }

    /// The record of the operation with this id, or of the one whose id begins like this.
    ///
    /// # Errors
    /// As [`Operations::find`].
    pub async fn record(&self, id: &str) -> Result<OperationRecord, OperationError> {
        let operation = self.find(id).await?;
        let entries = self.entries_of(&operation.id).await?;
        let journal = entries
            .first()
            .zip(entries.last())
            .map(|(first, last)| JournalSpan {
                first_seq: first.seq,
                last_seq: last.seq,
                entries: entries.len() as u64,
                last_hash: last.hash.clone(),
            });
        let key = operation.plan.objective.as_deref();
        let mut rows = self.0.slo.recovery.iter();
        let objective = rows.find(|row| Some(row.id.as_str()) == key).cloned();
        Ok(OperationRecord::of(operation, objective, journal))
    }

    /// Operations, the newest first, all older than `before` when one is named; and whether there are more.
    ///
    /// # Errors
    /// [`OperationError::Unreadable`] when the journal cannot be read.
    pub async fn page(
        &self,
        before: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Operation>, bool), OperationError> {
        let limit = limit.clamp(1, PAGE);
        let journal = self.0.log.journal();
        let ids = journal.begun(before, limit + 1).await;
        let mut ids = ids.map_err(|e| OperationError::Unreadable(e.to_string()))?;
        let more = ids.len() > limit as usize;
        ids.truncate(limit as usize);
        let mut operations = Vec::with_capacity(ids.len());
        for id in &ids {
            operations.push(match self.get(id) {
                Some(operation) => operation,
                None => self.rebuilt(id).await?,
            });
        }
        Ok((operations, more))
    }

    async fn whole_id(&self, beginning: &str) -> Result<String, OperationError> {
        let known = |c: char| c.is_ascii_hexdigit() || c == '-';
        if beginning.len() > LONGEST || !beginning.chars().all(known) {
            return Err(not_found(beginning));
        }
        if beginning.len() < SHORTEST {
            return Err(OperationError::Invalid(format!(
                "'{beginning}' is too short to name an operation: give at least {SHORTEST} characters of its id"
            )));
        }
        let journal = self.0.log.journal();
        let found = journal
            .begun_like(&beginning.to_ascii_lowercase(), NAMED + 1)
            .await;
        let found = found.map_err(|e| OperationError::Unreadable(e.to_string()))?;
        match found.as_slice() {
            [] => Err(not_found(beginning)),
            [id] => Ok(id.clone()),
            several => {
                let named: Vec<&str> = several.iter().take(NAMED as usize).map(String::as_str).collect();
                let rest = if several.len() > named.len() { ", …" } else { "" };
                Err(OperationError::Invalid(format!(
                    "several operations begin with '{beginning}': {}{rest}; give more of the id",
                    named.join(", ")
                )))
            }
        }
    }

    async fn entries_of(&self, id: &str) -> Result<Vec<Entry>, OperationError> {
        let entries = self.0.log.journal().entries_of(id).await;
        entries.map_err(|e| OperationError::Unreadable(e.to_string()))
    }

    async fn rebuilt(&self, id: &str) -> Result<Operation, OperationError> {
        let entries = self.entries_of(id).await?;
        let mut record: Option<Record> = None;
        for entry in &entries {
            let event = Event::of(entry).map_err(|e| OperationError::Unreadable(e.to_string()))?;
            let (at, event) = event.unwrapped(entry.at);
            match &mut record {
                Some(record) => record.apply(at, &event),
                None => record = Record::begin(at, &event),
            }
        }
        record.map(|r| r.operation).ok_or_else(|| not_found(id))
    }
}
