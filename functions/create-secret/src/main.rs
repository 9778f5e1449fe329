//! createSecret's power: has the service issue the stored credential, and tries it.

use addon_rotation::function;
use addon_rotation::steps::CreateSecret;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<CreateSecret>().await
}
