//! An instance's secrets are made, and its rotation is switched on.

use addon_rotation::function;
use addon_rotation::instances::EnrollAddon;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<EnrollAddon>().await
}
