//! After the grace period: the old credential ends.

use addon_rotation::authority::Names;
use addon_rotation::configuration::{self, HerokuConfiguration, ScheduleConfiguration};
use addon_rotation::event::RevokeEvent;
use addon_rotation::event_bus::EventBus;
use addon_rotation::heroku::HerokuClient;
use addon_rotation::schedule::Schedules;
use addon_rotation::secrets::Secrets;
use addon_rotation::service::Services;
use addon_rotation::steps::Revocation;
use addon_rotation::{aws, function, net, steps, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let configuration = HerokuConfiguration::from_environment()?;
    let http = net::http_client_trusting(&configuration::roots()?)?;
    let aws = aws::sdk_config(&http)?;
    let revocation = Revocation {
        secrets: Secrets::new(&aws),
        names: Names::from_environment()?,
        services: Services::new(http.clone())
            .trusting(configuration::service_roots()?)?
            .keeping_to(configuration::service_addresses()?)?
            .speaking(configuration::plain_text()?),
        heroku: HerokuClient::new(http, &configuration),
        schedules: Schedules::when_needed(&aws, ScheduleConfiguration::from_environment()?),
        configuration,
        grace_period_seconds: configuration::grace_period_seconds()?,
        hold_while_in_use_seconds: configuration::hold_while_in_use_seconds()?,
        bus: EventBus::new(&aws),
    };

    function::run(async |event: RevokeEvent, deadline| {
        steps::revoke_secret(event, &revocation, deadline).await
    })
    .await
}
