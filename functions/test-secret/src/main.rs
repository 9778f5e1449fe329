//! testSecret's power: the service accepts the credential, Heroku shows it.

use addon_rotation::authority::Names;
use addon_rotation::configuration::{self, HerokuConfiguration};
use addon_rotation::event::StepEvent;
use addon_rotation::heroku::HerokuClient;
use addon_rotation::secrets::Secrets;
use addon_rotation::service::Services;
use addon_rotation::{aws, function, net, steps, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let names = Names::from_environment()?;
    let configuration = HerokuConfiguration::from_environment()?;
    let http = net::http_client_trusting(&configuration::roots()?)?;
    let secrets = Secrets::new(&aws::sdk_config(&http)?);
    let heroku = HerokuClient::new(http.clone(), &configuration);
    let services = Services::new(http)
        .trusting(configuration::service_roots()?)?
        .keeping_to(configuration::service_addresses()?)?
        .speaking(configuration::plain_text()?);

    function::run(async |event: StepEvent, deadline| {
        steps::test_secret(
            event,
            &secrets,
            &names,
            &services,
            &heroku,
            &configuration,
            deadline,
        )
        .await
    })
    .await
}
