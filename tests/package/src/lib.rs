//! What a function's executable runs on, its zip, and how large that may be.

#![allow(
    clippy::must_use_candidate,
    reason = "nobody calls it but the program and the bench"
)]

mod architecture;
pub mod archive;
mod elf;

pub use architecture::{AMAZON_LINUX, Architecture};
pub use elf::{GlibcVersion, dotted};

/// The most that a function's zip may have, in bytes. revoke-secret and deprovision-addon have all the engines and more
/// of AWS's operations than the others: a sixth of their code is MySQL's driver with the regular expressions that it
/// brings.
pub fn most_bytes(function: &str) -> u64 {
    match function {
        "finish-secret" => 1_500_000,
        "revoke-secret" | "deprovision-addon" => 2_600_000,
        _ => 2_500_000,
    }
}
