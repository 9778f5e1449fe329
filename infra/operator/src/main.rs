//! `addon-rotation-operator`: see the crate's documentation.

use std::process::ExitCode;

use addon_rotation_operator::Arguments;
use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    addon_rotation_operator::run(Arguments::parse()).await
}
