//! What Secrets Manager calls: owns the secret's versions, and has no other power.

use addon_rotation::authority::Names;
use addon_rotation::configuration::{self, StepFunctions};
use addon_rotation::event::RotationEvent;
use addon_rotation::event_bus::EventBus;
use addon_rotation::invoke::Functions;
use addon_rotation::secrets::Secrets;
use addon_rotation::{aws, function, net, steps, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let names = Names::from_environment()?;
    let step_functions = StepFunctions::from_environment()?;
    let aws = aws::sdk_config(&net::http_client_trusting(&configuration::roots()?)?)?;
    let (secrets, functions) = (Secrets::new(&aws), Functions::new(&aws));
    let bus = EventBus::new(&aws);

    function::run(async |event: RotationEvent, deadline| {
        steps::rotate(
            event,
            &secrets,
            &names,
            &functions,
            &step_functions,
            &bus,
            deadline,
        )
        .await
    })
    .await
}
