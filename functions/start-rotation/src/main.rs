//! The customer's "rotate" button: a rotation now, not more often than the customer's dynos may restart.

use addon_rotation::function;
use addon_rotation::instances::StartRotation;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run::<StartRotation>().await
}
