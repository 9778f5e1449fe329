//! Every hour: what waits for its revocation, measured, and scheduled where nothing is.

use addon_rotation::function;
use addon_rotation::instances::Sweep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<Sweep>().await
}
