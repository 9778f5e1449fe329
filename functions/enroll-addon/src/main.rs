//! An instance's secrets are made, and its rotation is switched on.

use addon_rotation::configuration::{self, EnrollConfiguration, HerokuConfiguration};
use addon_rotation::event::EnrollEvent;
use addon_rotation::heroku::HerokuClient;
use addon_rotation::secrets::Secrets;
use addon_rotation::service::Services;
use addon_rotation::steps::Enrollment;
use addon_rotation::{aws, function, net, steps, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let configuration = HerokuConfiguration::from_environment()?;
    let http = net::http_client_trusting(&configuration::roots()?)?;
    let enrollment = Enrollment {
        secrets: Secrets::new(&aws::sdk_config(&http)?),
        services: Services::new(http.clone())
            .trusting(configuration::service_roots()?)?
            .keeping_to(configuration::service_addresses()?)?
            .speaking(configuration::plain_text()?),
        heroku: HerokuClient::new(http, &configuration),
        configuration,
        enrollment: EnrollConfiguration::from_environment()?,
    };

    function::run(async |event: EnrollEvent, deadline| {
        steps::enroll_addon(event, &enrollment, deadline).await
    })
    .await
}
