//! Plans and operations from the command line.

use super::args::{Confirmed, OutputFormat, PlanTarget};
use super::connect::{self, Settings};
use super::exit::{CliError, Exit};
use super::operations::operation_text;
use super::wanted::Asked;
use super::{out, print, report};
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::{Decision, Gate, Plan, PlanRequest, Target};
use aisoc_model::text::sanitize;
use aisoc_rpc::client::Client;
use aisoc_rpc::error::RpcError;
use std::fmt::Write;
use std::time::Duration;

/// Time between two looks at an operation that is waited for.
const POLL: Duration = Duration::from_millis(250);
/// How long a plan may take to be made ready before it is confirmed all the same.
const READY: Duration = Duration::from_secs(20);
/// Looks in a row that may fail before the outcome counts as unknown (the control plane may be restarting).
const MISSED_LOOKS: u32 = 120;

/// `plan …`: shows a plan; exit code 5 when a gate refuses it.
///
/// # Errors
/// See [`CliError`].
pub async fn plan(settings: &Settings, format: OutputFormat, target: PlanTarget) -> Result<Exit, CliError> {
    let request = complete(settings, target.into()).await?;
    let plan = connect::client(settings).await?.plan(&request).await?;
    print(format, &plan, || plan_text(&plan))?;
    Ok(if plan.may_execute() {
        Exit::Ok
    } else {
        Exit::Refused
    })
}

/// The request; a frame says which database cluster is meant, where the command did not.
async fn complete(settings: &Settings, asked: Asked) -> Result<PlanRequest, CliError> {
    let target = if let Some(target) = asked.wanted.named() {
        target.clone()
    } else {
        let world = connect::world(settings).await?;
        asked.wanted.in_world(&world).map_err(CliError::Usage)?
    };
    Ok(PlanRequest {
        target,
        reason: asked.reason,
        overrides: asked.overrides,
        break_glass: asked.break_glass,
    })
}

/// `drain`, `restore`, `failover`, `rollback`: plans, checks the confirmation, executes, and follows if wanted.
///
/// # Errors
/// See [`CliError`].
pub async fn execute(
    settings: &Settings,
    format: OutputFormat,
    confirmed: Confirmed,
) -> Result<Exit, CliError> {
    check_reason(&confirmed.asked.reason)?;
    let request = complete(settings, confirmed.asked).await?;
    let mut client = connect::client(settings).await?;
    let plan = client.plan(&request).await?;
    if !plan.may_execute() {
        print(format, &plan, || plan_text(&plan))?;
        return Ok(Exit::Refused);
    }
    if plan.needs_approval() {
        print(format, &plan, || plan_text(&plan))?;
        return Ok(Exit::Refused);
    }
    make_ready(&mut client, &plan, format).await?;
    let operation = client
        .execute(&plan.id, &plan.hash, &confirmed.confirmation)
        .await?;
    begun(settings, format, client, operation, confirmed.wait).await
}

/// `execute`: carries out a plan that was shown before, by its id and hash.
///
/// # Errors
/// See [`CliError`].
pub async fn execute_shown(
    settings: &Settings,
    format: OutputFormat,
    (id, hash): (&str, &str),
    confirmation: &str,
    wait: bool,
) -> Result<Exit, CliError> {
    let mut client = connect::client(settings).await?;
    let operation = client.execute(id, hash, confirmation).await?;
    begun(settings, format, client, operation, wait).await
}

/// `approve`: a second person's consent, or what it would be given to.
///
/// # Errors
/// See [`CliError`].
pub async fn approve(
    settings: &Settings,
    format: OutputFormat,
    id: &str,
    hash: Option<&str>,
) -> Result<Exit, CliError> {
    let mut client = connect::client(settings).await?;
    let Some(hash) = hash else {
        let plan = client.shown_plan(id).await?;
        print(format, &plan, || plan_text(&plan))?;
        return Ok(Exit::Refused);
    };
    let approval = client.approve(id, hash).await?;
    print(format, &approval, || {
        format!(
            "approved by {} until {}; somebody else carries it out now\n",
            sanitize(&approval.by, 80),
            report::clock(approval.expires_at)
        )
    })?;
    Ok(Exit::Ok)
}

/// Says that an operation has begun, or follows it to its end.
async fn begun(
    settings: &Settings,
    format: OutputFormat,
    client: Client,
    operation: Operation,
    wait: bool,
) -> Result<Exit, CliError> {
    if !wait {
        print(format, &operation, || {
            format!(
                "started {}; follow it with `aisoc-console operations show {}`\n",
                operation.id, operation.id
            )
        })?;
        return Ok(Exit::Ok);
    }
    let ended = follow(settings, client, operation, format == OutputFormat::Text).await?;
    print(format, &ended, || operation_text(&ended))?;
    Ok(exit_of(&ended))
}

/// Has a planned failover escorted before it is confirmed, so that nothing but the switchover itself is left behind
/// the confirmation. What cannot be made ready is left to the operation, which says why it refuses.
async fn make_ready(client: &mut Client, plan: &Plan, format: OutputFormat) -> Result<(), CliError> {
    if !matches!(
        plan.request.target,
        Target::Failover { .. } | Target::RegionFailover { .. }
    ) {
        return Ok(());
    }
    let begun = std::time::Instant::now();
    let mut told = None;
    while begun.elapsed() < READY {
        let Ok(standing) = client.standing(&plan.id).await else {
            return Ok(());
        };
        if !standing.moved.is_empty() {
            return Ok(());
        }
        if standing.preparing.is_none() {
            if let (OutputFormat::Text, Some(_)) = (format, &told) {
                let seconds = begun.elapsed().as_secs_f64();
                out(&format!(
                    "ready after {seconds:.1} s: commits wait for the candidate; the clocks of the operation begin now\n"
                ))?;
            }
            return Ok(());
        }
        if format == OutputFormat::Text && told != standing.preparing {
            let preparing = standing.preparing.as_deref().unwrap_or_default();
            out(&format!("getting ready: {}\n", sanitize(preparing, 160)))?;
            told = standing.preparing;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

fn check_reason(reason: &str) -> Result<(), CliError> {
    if reason.trim().is_empty() {
        return Err(CliError::Usage(
            "--reason is empty: say why, it goes into the record".to_owned(),
        ));
    }
    Ok(())
}

/// Waits for the end, printing each step as it ends; survives a restart of the control plane.
async fn follow(
    settings: &Settings,
    mut client: Client,
    mut operation: Operation,
    tell: bool,
) -> Result<Operation, CliError> {
    let mut told = 0;
    let mut missed = 0;
    loop {
        if tell {
            told = tell_steps(&operation, told)?;
        }
        if operation.state.ended() || operation.state == OperationState::Held {
            return Ok(operation);
        }
        tokio::time::sleep(POLL).await;
        match client.operation(&operation.id).await {
            Ok(latest) => {
                operation = latest;
                missed = 0;
            }
            Err(error @ (RpcError::Unauthenticated(_) | RpcError::Forbidden(_) | RpcError::NotFound(_))) => {
                return Err(error.into());
            }
            Err(error) => {
                missed += 1;
                if missed > MISSED_LOOKS {
                    return Err(RpcError::Unknown(error.to_string()).into());
                }
                if let Ok(again) = connect::client(settings).await {
                    client = again;
                }
            }
        }
    }
}

fn tell_steps(operation: &Operation, told: usize) -> Result<usize, CliError> {
    let mut seen = told;
    for (step, planned) in operation.steps.iter().zip(&operation.plan.steps).skip(told) {
        let Some(ended) = step.ended_at else { break };
        let detail = sanitize(step.detail.as_deref().unwrap_or_default(), 160);
        out(&format!(
            "{}  {}  {detail}\n",
            report::clock(ended),
            sanitize(&planned.title, 80)
        ))?;
        seen += 1;
    }
    Ok(seen)
}

fn exit_of(operation: &Operation) -> Exit {
    match operation.state {
        OperationState::Done => Exit::Ok,
        OperationState::Running | OperationState::Aborting => Exit::Unknown,
        OperationState::Held | OperationState::Failed | OperationState::Aborted => Exit::NotAsWanted,
    }
}

fn plan_text(plan: &Plan) -> String {
    let mut text = format!(
        "{}\n  environment {}\n",
        sanitize(&plan.summary, 400),
        sanitize(&plan.environment, 60)
    );
    if let Some(outage) = plan.predicted_write_outage_ms {
        let _ = writeln!(text, "  predicted write outage {:.1} s", outage as f64 / 1000.0);
    }
    for line in &plan.affected {
        let _ = writeln!(text, "  affects: {}", sanitize(line, 200));
    }
    text.push_str("\nGates\n");
    for gate in &plan.gates {
        text.push_str(&gate_text(gate));
    }
    if !plan.facts.is_empty() {
        text.push_str("\nFacts\n");
        for fact in &plan.facts {
            let _ = writeln!(
                text,
                "  {:<34}  {}  ({})",
                sanitize(&fact.name, 60),
                sanitize(&fact.value, 200),
                sanitize(&fact.source, 40)
            );
        }
    }
    text.push_str("\nSteps\n");
    for (number, step) in plan.steps.iter().enumerate() {
        let mark = if step.point_of_no_return {
            "  <- point of no return"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "  {}. {}{mark}\n     {}",
            number + 1,
            sanitize(&step.title, 120),
            sanitize(&step.request, 200)
        );
        if let Some(undo) = &step.undo {
            let _ = writeln!(text, "     undo: {}", sanitize(undo, 200));
        }
    }
    let verdict = match (plan.may_execute(), plan.needs_approval()) {
        (true, false) => "may be executed",
        (true, true) => "NEEDS A SECOND PERSON",
        (false, _) => "REFUSED by the gates above",
    };
    let _ = writeln!(
        text,
        "\nPlan {} {verdict}; it expires at {}",
        plan.id,
        report::clock(plan.expires_at)
    );
    if plan.may_execute() && plan.needs_approval() {
        let (id, hash) = (&plan.id, &plan.hash);
        let name = sanitize(plan.request.target.confirmation(), 80);
        let _ = writeln!(
            text,
            "  another operator looks at it and runs\n    aisoc-console approve {id} --hash {hash}\n  then\n    \
             aisoc-console execute {id} --hash {hash} --confirm {name} --wait"
        );
    }
    text
}

fn gate_text(gate: &Gate) -> String {
    let word = match gate.decision {
        Decision::Pass => "pass",
        Decision::Refuse => "REFUSE",
        Decision::NeedsOverride => "NEEDS OVERRIDE",
        Decision::Overridden => "OVERRIDDEN",
        Decision::NeedsApproval => "SECOND PERSON",
    };
    let mut text = format!(
        "  {word:<14}  {}: {}\n",
        sanitize(&gate.name, 40),
        sanitize(&gate.why, 300)
    );
    if gate.decision != Decision::Pass {
        for line in &gate.evidence {
            let _ = writeln!(text, "                  {}", sanitize(line, 200));
        }
    }
    text
}
