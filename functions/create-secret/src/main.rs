//! createSecret's power: has the service issue the stored credential, and tries it.

use addon_rotation::authority::Names;
use addon_rotation::event::StepEvent;
use addon_rotation::secrets::Secrets;
use addon_rotation::service::Services;
use addon_rotation::{aws, configuration, function, net, steps, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let names = Names::from_environment()?;
    let http = net::http_client_trusting(&configuration::roots()?)?;
    let secrets = Secrets::new(&aws::sdk_config(&http)?);
    let services = Services::new(http)
        .trusting(configuration::service_roots()?)?
        .keeping_to(configuration::service_addresses()?)?
        .speaking(configuration::plain_text()?);

    function::run(async |event: StepEvent, deadline| {
        steps::create_secret(event, &secrets, &names, &services, deadline).await
    })
    .await
}
