//! An instance's credentials are revoked, and its secrets deleted.

use addon_rotation::function;
use addon_rotation::instances::DeprovisionAddon;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<DeprovisionAddon>().await
}
