//! After the grace period: the old credential ends.

use addon_rotation::function;
use addon_rotation::steps::RevokeSecret;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<RevokeSecret>().await
}
