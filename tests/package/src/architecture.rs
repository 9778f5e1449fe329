//! What the functions run on.

use anyhow::Result;
use clap::ValueEnum;

use super::elf::{self, GlibcVersion, dotted};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Architecture {
    /// Intel's and AMD's.
    #[value(name = "x86_64")]
    X86_64,
    /// AWS Graviton.
    #[value(name = "arm64")]
    Arm64,
}

/// Amazon Linux 2023 has this version of glibc.
pub const AMAZON_LINUX: [u32; 2] = [2, 34];

impl Architecture {
    pub fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The same, with the glibc that zig links for.
    pub fn target(self) -> String {
        format!("{}.{}", self.triple(), dotted(&AMAZON_LINUX))
    }

    /// What cargo-lambda optimises for, unless there are flags in the environment.
    pub fn cpu(self) -> &'static str {
        match self {
            Self::X86_64 => "haswell",
            Self::Arm64 => "neoverse-n1",
        }
    }

    /// The glibc that an executable needs. Fails if it does not run on this processor and Amazon Linux.
    pub fn check(self, executable: &[u8]) -> Result<GlibcVersion> {
        let expected = match self {
            Self::X86_64 => object::Architecture::X86_64,
            Self::Arm64 => object::Architecture::Aarch64,
        };
        elf::check(executable, expected, &AMAZON_LINUX)
    }
}
