//! testSecret's power: the service accepts the credential, Heroku shows it.

use addon_rotation::function;
use addon_rotation::steps::TestSecret;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<TestSecret>().await
}
