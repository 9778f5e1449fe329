//! What builds for arm64 on another processor, and runs what was built: Debian's Rust, of which the standard library for
//! each processor is a package, and QEMU.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::debian::{Packages, libraries};
use crate::process::{self, OnLine};

/// Its suite is one that takes a version of Rust for all processors at once. With arm64's C library.
const RUST: Packages = Packages {
    name: "rust",
    suite: Some("forky"),
    names: &["libstd-rust-dev", "libc6-arm64-cross"],
    // It asks for a C compiler.
    alone: &["rustc", "libstd-rust-dev:arm64"],
    scripts: &[("usr/bin/rustc", "usr/bin/rustc")],
    program: "a Rust that builds for arm64",
    remedy: "use a machine with apt-get, dpkg-deb and Debian's keys (debian-archive-keyring)",
};

const QEMU: Packages = Packages {
    name: "qemu",
    suite: None,
    names: &["qemu-user"],
    alone: &[],
    scripts: &[],
    program: "QEMU (qemu-aarch64)",
    remedy: "apt-get install qemu-user, or your system's package of it",
};

const TARGET: &str = "aarch64-unknown-linux-gnu";

#[derive(Clone, Debug)]
pub struct Arm64 {
    pub rustc: PathBuf,
    /// Where arm64's loader and C library are.
    system: PathBuf,
    qemu: PathBuf,
}

impl Arm64 {
    /// Both, unpacked unless they are there. Fails as [`super::ensure_postgres`] does.
    pub async fn ensure(target: &Path, progress: OnLine) -> anyhow::Result<Self> {
        let (rustc, system) = RUST.ensure(target, &progress, find_rust).await?;
        let qemu = QEMU.ensure(target, &progress, find_qemu).await?;
        Ok(Self {
            rustc,
            system,
            qemu,
        })
    }

    pub fn emulate(&self, executable: &Path, script: &Path) -> io::Result<()> {
        let libraries = libraries(&self.qemu).unwrap_or_default();
        // The emulator's libraries are none of what it runs.
        let lines = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH=\"{}\" exec \"{}\" -U LD_LIBRARY_PATH -L \"{}\" \"{}\" \"$@\"\n",
            libraries.display(),
            self.qemu.display(),
            self.system.display(),
            executable.display(),
        );
        fs::write(script, lines)?;
        fs::set_permissions(script, fs::Permissions::from_mode(0o755))
    }
}

/// What is unpacked only: a machine's own Rust builds for the machine.
fn find_rust(root: Option<&Path>) -> Option<(PathBuf, PathBuf)> {
    let usr = root?.join("usr");
    let (rustc, system) = (usr.join("bin/rustc"), usr.join("aarch64-linux-gnu"));
    let found = [
        &rustc,
        &system.join("lib/libc.so.6"),
        &usr.join("lib/rustlib").join(TARGET),
    ];
    found
        .iter()
        .all(|it| it.exists())
        .then_some((rustc, system))
}

fn find_qemu(root: Option<&Path>) -> Option<PathBuf> {
    match root {
        Some(root) => Some(root.join("usr/bin/qemu-aarch64")).filter(|program| program.is_file()),
        None => ["qemu-aarch64", "qemu-aarch64-static"]
            .iter()
            .find_map(|name| process::find_program(name, &[])),
    }
}
