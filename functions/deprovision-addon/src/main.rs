//! An instance's credentials are revoked, and its secrets deleted.

use addon_rotation::configuration::{self, DeprovisionConfiguration, ScheduleConfiguration};
use addon_rotation::event::DeprovisionEvent;
use addon_rotation::schedule::Schedules;
use addon_rotation::secrets::Secrets;
use addon_rotation::service::Services;
use addon_rotation::steps::Deprovisioning;
use addon_rotation::{aws, function, net, steps, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let http = net::http_client_trusting(&configuration::roots()?)?;
    let aws = aws::sdk_config(&http)?;
    let deprovisioning = Deprovisioning {
        secrets: Secrets::new(&aws),
        services: Services::new(http)
            .trusting(configuration::service_roots()?)?
            .keeping_to(configuration::service_addresses()?)?
            .speaking(configuration::plain_text()?),
        schedules: Schedules::new(&aws, ScheduleConfiguration::of_deprovisioning()?),
        configuration: DeprovisionConfiguration::from_environment()?,
    };

    function::run(async |event: DeprovisionEvent, deadline| {
        steps::deprovision_addon(event, &deprovisioning, deadline).await
    })
    .await
}
