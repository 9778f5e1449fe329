//! setSecret's power: the config vars at Heroku, through v1 or v3.

use addon_rotation::function;
use addon_rotation::steps::PublishToHeroku;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<PublishToHeroku>().await
}
