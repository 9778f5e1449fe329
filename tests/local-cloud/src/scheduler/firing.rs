//! Fires schedules when they are due, and sees each hand-over through.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::State;
use super::model::Schedule;
use crate::events::EventKind;
use crate::ministack::{ACCOUNT_ID, REGION};

/// Looked at again after this long at the latest: a longer sleep would drift from the calendar.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);

/// Fires what is due until the scheduler is stopped.
pub(super) async fn run(state: Arc<State>) {
    loop {
        let due = state.schedules().take_due(Timestamp::now());
        for schedule in due {
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                let stopped = state.stopped.clone();
                stopped.run_until_cancelled(fire(&state, schedule)).await;
            });
        }
        let wait = state
            .schedules()
            .earliest()
            .map(|next| next.duration_since(Timestamp::now()))
            .map_or(LONGEST_SLEEP, |wait| {
                Duration::try_from(wait)
                    .unwrap_or_default()
                    .min(LONGEST_SLEEP)
            });
        tokio::select! {
            () = state.stopped.cancelled() => return,
            () = state.changed.notified() => {}
            () = sleep_until(Instant::now() + wait) => {}
        }
    }
}

/// Why a hand-over failed.
struct Failure {
    message: String,
    /// AWS does not retry what a retry cannot mend.
    lasting: bool,
}

impl Failure {
    fn lasting(message: String) -> Self {
        Self {
            message,
            lasting: true,
        }
    }

    fn passing(message: String) -> Self {
        Self {
            message,
            lasting: false,
        }
    }
}

async fn fire(state: &State, schedule: Schedule) {
    let began = Instant::now();
    let due = Timestamp::now();
    let execution_id = Uuid::new_v4().simple().to_string();
    let definition = &schedule.definition;
    let patience = Duration::try_from(definition.event_age).unwrap_or_default();
    let mut attempt = 1;
    let mut pause = state.options.retry_base;
    let outcome = loop {
        let input = input(&schedule, due, &execution_id, attempt);
        let failure = match hand_over(state, &schedule, input).await {
            Ok(()) => break Ok(()),
            Err(failure) => failure,
        };
        tracing::warn!(
            schedule = schedule.name,
            attempt,
            failure.message,
            "a hand-over failed"
        );
        let retry = !failure.lasting
            && attempt <= definition.retry_attempts
            && began.elapsed() + pause <= patience;
        if !retry {
            break Err((failure, attempt));
        }
        sleep(pause).await;
        pause = (pause * 2).min(state.options.retry_limit);
        attempt += 1;
    };
    // Gone before it is told of, so that whoever waits for the event finds it gone.
    state.schedules().complete(&schedule);
    match outcome {
        Ok(()) => state.events.record(EventKind::ScheduleFired {
            name: schedule.name.clone(),
            input: definition.input().unwrap_or_default().to_owned(),
        }),
        Err((failure, attempt)) => {
            let input = input(&schedule, due, &execution_id, attempt);
            let message = bury(state, &schedule, failure, &input, &execution_id).await;
            state.events.record(EventKind::ScheduleDeadLettered {
                name: schedule.name.clone(),
                message,
            });
        }
    }
}

async fn hand_over(state: &State, schedule: &Schedule, input: String) -> Result<(), Failure> {
    let definition = &schedule.definition;
    let (target, role) = (&definition.target_arn, &definition.role_arn);
    if !target.contains(":lambda:") {
        return Err(Failure::lasting(format!(
            "the target {target} is not a Lambda function"
        )));
    }
    if let Some(upstream) = &state.upstream {
        let unavailable = |refusal: super::model::Refusal| Failure::passing(refusal.message);
        if !state
            .group_exists(&schedule.group)
            .await
            .map_err(unavailable)?
        {
            return Err(Failure::lasting(format!(
                "the schedule's group {} is deleted",
                schedule.group
            )));
        }
        if !state
            .may_assume(role, &schedule.group)
            .await
            .map_err(unavailable)?
        {
            return Err(Failure::lasting(format!(
                "scheduler.amazonaws.com may not assume {role}"
            )));
        }
        let allowed = upstream
            .is_allowed(role, "lambda:InvokeFunction", target)
            .await
            .map_err(|error| Failure::passing(error.to_string()))?;
        if !allowed {
            return Err(Failure::lasting(format!(
                "{role} is not authorized to perform: lambda:InvokeFunction on resource: {target}"
            )));
        }
    }
    state
        .target
        .invoke(target.clone(), role.clone(), input)
        .await
        .map_err(Failure::passing)
}

/// Sends what could not be handed over to the dead-letter queue, if there is one; tells what came
/// of it.
async fn bury(
    state: &State,
    schedule: &Schedule,
    failure: Failure,
    input: &str,
    execution_id: &str,
) -> String {
    let definition = &schedule.definition;
    let message = failure.message;
    let (Some(queue), Some(upstream)) = (&definition.dead_letter_queue, &state.upstream) else {
        return message;
    };
    match upstream
        .is_allowed(&definition.role_arn, "sqs:SendMessage", queue)
        .await
    {
        Ok(true) => {}
        Ok(false) => {
            let role = &definition.role_arn;
            return format!("{message}; and {role} may not sqs:SendMessage to {queue}");
        }
        Err(error) => return format!("{message}; and {error}"),
    }
    let exhausted = if failure.lasting {
        "NON_RETRYABLE"
    } else {
        "MaximumRetryAttempts"
    };
    let arn = schedule.arn();
    let attributes = [
        ("ERROR_MESSAGE", message.as_str()),
        ("EXECUTION_ID", execution_id),
        ("EXHAUSTED_RETRY_CONDITION", exhausted),
        ("SCHEDULE_ARN", &arn),
        ("TARGET_ARN", &definition.target_arn),
    ];
    match upstream.send_message_with(queue, input, &attributes).await {
        Ok(()) => message,
        Err(error) => format!("{message}; and {error}"),
    }
}

/// What the target is handed, the scheduler's context attributes filled in.
fn input(schedule: &Schedule, due: Timestamp, execution_id: &str, attempt: u32) -> String {
    let arn = schedule.arn();
    let due = due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let Some(input) = schedule.definition.input() else {
        return json!({
            "version": "0",
            "id": Uuid::new_v4().to_string(),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ACCOUNT_ID,
            "time": due,
            "region": REGION,
            "resources": [arn],
            "detail": "{}",
        })
        .to_string();
    };
    input
        .replace("<aws.scheduler.schedule-arn>", &arn)
        .replace("<aws.scheduler.scheduled-time>", &due)
        .replace("<aws.scheduler.execution-id>", execution_id)
        .replace("<aws.scheduler.attempt-number>", &attempt.to_string())
}
