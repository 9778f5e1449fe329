//! The customer's "rotate" button: a rotation now, not more often than the customer's dynos may restart.

use addon_rotation::configuration::{self, StartConfiguration};
use addon_rotation::event::StartRotationEvent;
use addon_rotation::secrets::Secrets;
use addon_rotation::{aws, function, net, steps, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let configuration = StartConfiguration::from_environment()?;
    let aws = aws::sdk_config(&net::http_client_trusting(&configuration::roots()?)?)?;
    let secrets = Secrets::new(&aws);

    function::run(async |event: StartRotationEvent, deadline| {
        steps::start_rotation(event, &secrets, &configuration, deadline).await
    })
    .await
}
