//! Fires schedules when they are due, and sees each hand-over through.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stand_in::events::EventKind;
use tokio::time::{Instant, sleep, sleep_until};

use super::State;
use super::model::Schedule;

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
    /// Whether a retry cannot help. Which errors those are for AWS is open.
    lasting: bool,
}

impl Failure {
    fn lasting(message: String) -> Self {
        Self {
            message,
            lasting: true,
        }
    }

    fn transient(message: String) -> Self {
        Self {
            message,
            lasting: false,
        }
    }
}

async fn fire(state: &State, schedule: Schedule) {
    let began = Instant::now();
    let target = &schedule.definition.target;
    let retries = &target.retry_policy;
    let mut attempt = 1;
    let mut pause = state.options.retry_base;
    let outcome = loop {
        let Err(failure) = hand_over(state, &schedule).await else {
            break Ok(());
        };
        tracing::warn!(
            schedule = schedule.name,
            attempt,
            failure.message,
            "a hand-over failed"
        );
        let retry = !failure.lasting
            && attempt <= retries.maximum_retry_attempts
            && began.elapsed() + pause <= retries.patience();
        if !retry {
            break Err(failure);
        }
        sleep(pause).await;
        pause = (pause * 2).min(state.options.retry_limit);
        attempt += 1;
    };
    // Gone before it is told of, so that whoever waits for the event finds it gone.
    state.schedules().complete(&schedule);
    state.events.record(match outcome {
        Ok(()) => EventKind::ScheduleFired {
            name: schedule.name.clone(),
            input: target.input.clone(),
        },
        Err(failure) => EventKind::ScheduleDeadLettered {
            name: schedule.name.clone(),
            message: bury(state, &schedule, failure).await,
        },
    });
}

async fn hand_over(state: &State, schedule: &Schedule) -> Result<(), Failure> {
    let definition = &schedule.definition.target;
    let (target, role) = (&definition.arn, &definition.role_arn);
    if !target.contains(":lambda:") {
        return Err(Failure::lasting(format!(
            "the target {target} is not a Lambda function"
        )));
    }
    if let Some(upstream) = &state.upstream {
        let unavailable = |refusal: super::model::Refusal| Failure::transient(refusal.message);
        if !state
            .group_exists(schedule.group())
            .await
            .map_err(unavailable)?
        {
            return Err(Failure::lasting(format!(
                "the schedule's group {} is deleted",
                schedule.group()
            )));
        }
        if !state
            .may_assume(role, schedule.group())
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
            .map_err(|error| Failure::transient(format!("{error:#}")))?;
        if !allowed {
            return Err(Failure::lasting(format!(
                "{role} is not authorized to perform: lambda:InvokeFunction on resource: {target}"
            )));
        }
    }
    state
        .target
        .invoke(target.clone(), role.clone(), definition.input.clone())
        .await
        .map_err(Failure::transient)
}

/// Sends what could not be handed over to the dead-letter queue, if there is one; tells what came
/// of it.
async fn bury(state: &State, schedule: &Schedule, failure: Failure) -> String {
    let target = &schedule.definition.target;
    let message = failure.message;
    let (Some(queue), Some(upstream)) = (&target.dead_letter_config, &state.upstream) else {
        return message;
    };
    let (queue, role) = (&queue.arn, &target.role_arn);
    match upstream.is_allowed(role, "sqs:SendMessage", queue).await {
        Ok(true) => {}
        Ok(false) => return format!("{message}; and {role} may not sqs:SendMessage to {queue}"),
        Err(error) => return format!("{message}; and {error:#}"),
    }
    let exhausted = if failure.lasting {
        "NON_RETRYABLE"
    } else {
        "MaximumRetryAttempts"
    };
    let attributes = [
        ("ERROR_MESSAGE", message.as_str()),
        ("EXHAUSTED_RETRY_CONDITION", exhausted),
        ("SCHEDULE_ARN", &schedule.arn()),
        ("TARGET_ARN", &target.arn),
    ];
    match upstream
        .send_message(queue, &target.input, &attributes)
        .await
    {
        Ok(()) => message,
        Err(error) => format!("{message}; and {error:#}"),
    }
}
