//! Every hour: what waits for its revocation, measured, and scheduled where nothing is.

use std::time::SystemTime;

use addon_rotation::configuration::{self, ScheduleConfiguration};
use addon_rotation::event::SweepEvent;
use addon_rotation::schedule::Schedules;
use addon_rotation::secrets::Secrets;
use addon_rotation::steps::{self, Order, Swept};
use addon_rotation::{aws, function, net, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let stack = configuration::stack_name()?;
    let prefix = configuration::secret_name_prefix()?;
    let grace_period_seconds = configuration::grace_period_seconds()?;
    let aws = aws::sdk_config(&net::http_client_trusting(&configuration::roots()?)?)?;
    let secrets = Secrets::new(&aws);
    let schedules = Schedules::new(&aws, ScheduleConfiguration::from_environment()?);

    function::run(async |_: SweepEvent, deadline| {
        let order = Order::at(SystemTime::now());
        let swept = Swept {
            stack: &stack,
            prefix: &prefix,
            grace_period_seconds,
        };
        steps::sweep(&secrets, &schedules, swept, order, deadline).await
    })
    .await
}
