//! Fires schedules when they are due, and sees each hand-over through.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use stand_in::events::EventKind;
use tokio::time::{Instant, sleep, sleep_until};

use super::State;
use super::model::Schedule;

/// Looked at again after this long at the latest: a longer sleep would drift from the calendar.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);

/// The pause before the first retry of a failed hand-over, shorter than AWS's. Each further one is twice as long, up to
/// the limit.
const RETRY_BASE: Duration = Duration::from_millis(50);
const RETRY_LIMIT: Duration = Duration::from_secs(30);

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

async fn fire(state: &State, schedule: Schedule) {
    let began = Instant::now();
    let target = &schedule.definition.target;
    let retries = &target.retry_policy;
    let mut attempt = 1;
    let mut pause = RETRY_BASE;
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
        pause = (pause * 2).min(RETRY_LIMIT);
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
    let group = schedule.group();
    let (lasting, passing) = (true, false);
    let failure = |message, lasting| Failure { message, lasting };
    let unavailable = |error: anyhow::Error| failure(format!("{error:#}"), passing);
    if !target.contains(":lambda:") {
        let message = format!("the target {target} is not a Lambda function");
        return Err(failure(message, lasting));
    }
    if let Some(upstream) = &state.upstream {
        if !state.group_exists(group).await.map_err(unavailable)? {
            let message = format!("the schedule's group {group} is deleted");
            return Err(failure(message, lasting));
        }
        if !state.may_assume(role, group).await.map_err(unavailable)? {
            let message = format!("scheduler.amazonaws.com may not assume {role}");
            return Err(failure(message, lasting));
        }
        let action = "lambda:InvokeFunction";
        let allowed = upstream.is_allowed(role, action, target).await;
        if !allowed.map_err(unavailable)? {
            let message =
                format!("{role} is not authorized to perform: {action} on resource: {target}");
            return Err(failure(message, lasting));
        }
    }
    let input = definition.input.clone();
    let handed_over = state.target.invoke(target.clone(), role.clone(), input);
    handed_over
        .await
        .map_err(|message| failure(message, passing))
}

/// What came of a hand-over that failed, and of its dead letter.
async fn bury(state: &State, schedule: &Schedule, failure: Failure) -> String {
    match send_dead_letter(state, schedule, &failure).await {
        Ok(()) => failure.message,
        Err(error) => format!("{}; and {error:#}", failure.message),
    }
}

/// Sends what could not be handed over to the dead-letter queue, if there is one.
async fn send_dead_letter(
    state: &State,
    schedule: &Schedule,
    failure: &Failure,
) -> anyhow::Result<()> {
    let target = &schedule.definition.target;
    let (Some(queue), Some(upstream)) = (&target.dead_letter_config, &state.upstream) else {
        return Ok(());
    };
    let (queue, role) = (&queue.arn, &target.role_arn);
    let allowed = upstream.is_allowed(role, "sqs:SendMessage", queue).await?;
    ensure!(allowed, "{role} may not sqs:SendMessage to {queue}");
    let exhausted = if failure.lasting {
        "NON_RETRYABLE"
    } else {
        "MaximumRetryAttempts"
    };
    let attributes = [
        ("ERROR_MESSAGE", failure.message.as_str()),
        ("EXHAUSTED_RETRY_CONDITION", exhausted),
        ("SCHEDULE_ARN", &schedule.arn()),
        ("TARGET_ARN", &target.arn),
    ];
    let sent = upstream.send_message(queue, &target.input, &attributes);
    sent.await
}
