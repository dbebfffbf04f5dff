//! Consents of second persons: which plans have one. What counts is decided by [`aisoc_model::approval`]; here they
//! are journaled before they count, and kept as long as they may be used.

use crate::operations::engine::EventLog;
use crate::operations::event::Event;
use crate::operations::{Inner, OperationError, Operations, not_found, unbroken};
use aisoc_model::approval::{self, Approval};
use aisoc_model::plan::Plan;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Consents by the plan's id.
#[derive(Default)]
pub(super) struct Approvals(BTreeMap<String, Approval>);

impl Approvals {
    fn put(&mut self, approval: Approval, now: Timestamp) {
        // An ended one stays for a while: "expired" is a better answer than "nobody approved".
        let long_ago = now.saturating_sub(approval::LIFETIME).unwrap_or(Timestamp::MIN);
        self.0.retain(|_, a| a.expires_at > long_ago);
        self.0.insert(approval.plan.clone(), approval);
    }

    /// Who consented to `executor` carrying `plan` out; `None` when nobody has to.
    pub(super) fn admit(
        &self,
        plan: &Plan,
        executor: &str,
        now: Timestamp,
    ) -> Result<Option<String>, OperationError> {
        approval::admits(plan, self.0.get(&plan.id), executor, now)
            .map_err(|e| OperationError::Refused(e.to_string()))
    }
}

impl Operations {
    /// A plan that was made and not yet carried out.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] when there is none.
    pub fn shown_plan(&self, id: &str) -> Result<Plan, OperationError> {
        let shown = self.0.shelf().get(id);
        shown.map(|p| p.plan).ok_or_else(|| not_found(id))
    }

    /// A second person consents to a plan, by the hash of what was looked at.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] without such a plan; [`OperationError::Refused`] with the reason why the
    /// consent is not taken; [`OperationError::Journal`] when it cannot be made durable.
    pub async fn approve(
        &self,
        plan_id: &str,
        hash: &str,
        who: &str,
        origin: &str,
    ) -> Result<Approval, OperationError> {
        let operations = self.clone();
        let [plan_id, hash, who, origin] = [plan_id, hash, who, origin].map(str::to_owned);
        unbroken(async move { operations.0.take_approval(&plan_id, &hash, &who, &origin).await }).await
    }
}

impl Inner {
    async fn take_approval(
        &self,
        plan_id: &str,
        hash: &str,
        who: &str,
        origin: &str,
    ) -> Result<Approval, OperationError> {
        let plan = self.shelf().get(plan_id).map(|p| p.plan);
        let plan = plan.ok_or_else(|| not_found(plan_id))?;
        let now = self.clock.now();
        let approval =
            approval::give(&plan, hash, who, now).map_err(|e| OperationError::Refused(e.to_string()))?;
        let event = Event::Approved {
            plan: Box::new(plan),
            by: who.to_owned(),
            origin: origin.to_owned(),
            expires_at: approval.expires_at,
        };
        let written = self.log.append(plan_id, &event).await;
        written.map_err(|e| OperationError::Journal(e.to_string()))?;
        tracing::warn!(
            plan = plan_id,
            by = who,
            "a second person APPROVED a plan that needs it"
        );
        self.approvals().put(approval.clone(), now);
        Ok(approval)
    }
}
