//! A schedule as Scheduler takes it.

use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, ScheduleState, Target,
};

use super::Schedules;
use super::entry::Entry;
use crate::aws::{AwsError, call};
use crate::deadline::Deadline;

impl Schedules {
    pub(super) async fn create(
        &self,
        entry: &Entry,
        at: &str,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let request = self
            .client()
            .create_schedule()
            .name(&entry.name)
            .group_name(&self.configuration.group)
            .description(&entry.description)
            .schedule_expression(at)
            .flexible_time_window(exactly()?)
            .action_after_completion(ActionAfterCompletion::Delete)
            .state(ScheduleState::Enabled)
            .target(self.target(entry)?);
        call(
            "scheduler:CreateSchedule",
            &entry.name,
            deadline,
            Box::pin(request.send()),
        )
        .await
        .map(drop)
    }

    pub(super) async fn update(
        &self,
        entry: &Entry,
        at: &str,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let request = self
            .client()
            .update_schedule()
            .name(&entry.name)
            .group_name(&self.configuration.group)
            .description(&entry.description)
            .schedule_expression(at)
            .flexible_time_window(exactly()?)
            .action_after_completion(ActionAfterCompletion::Delete)
            .state(ScheduleState::Enabled)
            .target(self.target(entry)?);
        call(
            "scheduler:UpdateSchedule",
            &entry.name,
            deadline,
            Box::pin(request.send()),
        )
        .await
        .map(drop)
    }

    fn target(&self, entry: &Entry) -> Result<Target, AwsError> {
        Target::builder()
            .arn(&self.configuration.function)
            .role_arn(&self.configuration.role)
            .input(&entry.input)
            // The handing over to Lambda; what the function itself cannot do it schedules again.
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_retry_attempts(185)
                    .maximum_event_age_in_seconds(86_400)
                    .build(),
            )
            .dead_letter_config(
                DeadLetterConfig::builder()
                    .arn(&self.configuration.dead_letter_queue)
                    .build(),
            )
            .build()
            .map_err(|error| incomplete(&error))
    }
}

fn exactly() -> Result<FlexibleTimeWindow, AwsError> {
    FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .map_err(|error| incomplete(&error))
}

pub(super) fn incomplete(error: &dyn std::error::Error) -> AwsError {
    AwsError::new(
        "scheduler:CreateSchedule",
        "a revocation",
        "ConstructionFailure",
        error.to_string(),
        false,
    )
}
