//! finishSecret's power: schedules the revocation of the credential that is about to be replaced.

use addon_rotation::function;
use addon_rotation::steps::FinishSecret;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<FinishSecret>().await
}
