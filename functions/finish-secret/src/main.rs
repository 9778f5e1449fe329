//! finishSecret's power: schedules the revocation of the credential that is about to be replaced.

use addon_rotation::configuration::{self, ScheduleConfiguration};
use addon_rotation::event::FinishEvent;
use addon_rotation::schedule::Schedules;
use addon_rotation::{aws, function, net, steps, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let grace_period_seconds = configuration::grace_period_seconds()?;
    let schedules = Schedules::new(
        &aws::sdk_config(&net::http_client_trusting(&configuration::roots()?)?)?,
        ScheduleConfiguration::from_environment()?,
    );

    function::run(async |event: FinishEvent, deadline| {
        steps::finish_secret(event, &schedules, grace_period_seconds, deadline).await
    })
    .await
}
