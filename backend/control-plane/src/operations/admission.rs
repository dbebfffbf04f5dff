//! What lies between a request and a plan, and between a plan and its begin: facts read now, gates decided now.

use crate::operations::engine::EventLog;
use crate::operations::event::Event;
use crate::operations::facts::{self, Facts};
use crate::operations::gates::Case;
use crate::operations::planner::{self, Prepared, Requester};
use crate::operations::{Inner, OperationError};
use aisoc_model::plan::PlanRequest;

impl Inner {
    /// Reads the facts and makes the plan on them.
    pub(super) async fn prepare(
        &self,
        request: &PlanRequest,
        id: &str,
        who: &str,
    ) -> Result<Prepared, OperationError> {
        // Before anything is asked: what does not exist answers nothing.
        planner::check_names(&request.target, &self.topology).map_err(OperationError::Invalid)?;
        let facts = self.gather(request).await;
        self.decide(request, &facts, id, who)
    }

    /// Reads what the decision needs.
    pub(super) async fn gather(&self, request: &PlanRequest) -> Facts {
        let clock = self.clock.as_ref();
        facts::gather(
            &request.target,
            &self.topology,
            &self.drivers,
            self.view.world(),
            self.own(),
            clock,
        )
        .await
    }

    /// Makes the plan on facts.
    pub(super) fn decide(
        &self,
        request: &PlanRequest,
        facts: &Facts,
        id: &str,
        who: &str,
    ) -> Result<Prepared, OperationError> {
        let cluster = planner::subject(&request.target, &self.topology)
            .ok_or_else(|| OperationError::Invalid("the topology names no database cluster".to_owned()))?;
        let case = Case {
            request,
            facts,
            cluster,
            topology: &self.topology,
            slo: &self.slo,
        };
        let requester = Requester {
            id,
            who,
            drivers: &self.drivers,
        };
        planner::plan(&case, requester).map_err(OperationError::Invalid)
    }

    /// Everything that has to hold between what was shown and what is begun.
    pub(super) async fn admit(
        &self,
        shown: &Prepared,
        hash: &str,
        confirmation: &str,
    ) -> Result<Prepared, OperationError> {
        let plan = &shown.plan;
        let refused = |why: String| Err(OperationError::Refused(why));
        if self.clock.now() > plan.expires_at {
            return refused(format!("plan {} has expired: make a new one", plan.id));
        }
        if hash != plan.hash || plan.computed_hash() != plan.hash {
            return refused(
                "the plan that was confirmed is not the plan that was made: make a new one".to_owned(),
            );
        }
        let wanted = plan.request.target.confirmation();
        if confirmation != wanted {
            let typed = aisoc_model::text::sanitize(confirmation, 80);
            return refused(format!("type '{wanted}' to confirm, not '{typed}'"));
        }
        if let Some(gate) = plan.refusals().next() {
            return refused(format!("gate {}: {}", gate.name, gate.why));
        }
        if let Some((id, what)) = self.ledger().unfinished(self.topology.several_clusters()) {
            return refused(format!(
                "gate one_operation refuses now: {what} has not ended (operation {id})"
            ));
        }
        let now = match self.warm_plan(&plan.id) {
            Some(now) => now,
            None => self.prepare(&plan.request, &plan.id, &plan.requested_by).await?,
        };
        let moved = planner::drift(shown, &now);
        if moved.is_empty() {
            return Ok(now);
        }
        refused(format!(
            "the facts moved since the plan was made; make a new one: {}",
            moved.join("; ")
        ))
    }

    pub(super) async fn note_refusal(
        &self,
        id: &str,
        hash: &str,
        who: &str,
        origin: &str,
        error: &OperationError,
    ) {
        let event = Event::Refused {
            hash: aisoc_model::text::sanitize(hash, 80),
            by: who.to_owned(),
            origin: origin.to_owned(),
            why: error.to_string(),
        };
        if let Err(e) = self.log.append(id, &event).await {
            tracing::warn!(plan = id, error = %e, "a refusal could not be journaled");
        }
    }
}
