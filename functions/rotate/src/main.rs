//! What Secrets Manager calls: owns the secret's versions, and has no other power.

use addon_rotation::function;
use addon_rotation::steps::Rotate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<Rotate>().await
}
