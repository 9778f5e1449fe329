//! One build of the functions, by cargo-lambda, in a way that does not depend on where it is done.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use package::{Architecture, GlibcVersion, archive};
use tokio::process::Command;
use tools::Tools;
use tools::process::{self, OnLine};

use super::source::utf8;

/// What a developer's environment could change the executables by, as parts of variables' names.
const FOREIGN: [&str; 6] = [
    "CARGO_INCREMENTAL",
    "CARGO_LAMBDA_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "CFLAGS",
    "RUSTC_BOOTSTRAP",
];

pub(crate) struct Build {
    pub(crate) tools: Tools,
    pub(crate) architecture: Architecture,
    /// All of them, whatever is chosen.
    pub(crate) functions: Vec<String>,
    pub(crate) chosen: Vec<String>,
    pub(crate) progress: OnLine,
}

/// Where to build: whatever the executables must not depend on.
pub(crate) struct Place {
    pub(crate) workspace: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) cargo_home: PathBuf,
    /// Where zig keeps the C library that it has built; its usual place if `None`.
    pub(crate) cache: Option<PathBuf>,
}

pub(crate) struct Package {
    pub(crate) function: String,
    pub(crate) bootstrap: Vec<u8>,
    pub(crate) zip: Vec<u8>,
    pub(crate) sha256: String,
    pub(crate) glibc: GlibcVersion,
}

impl Package {
    fn new(function: &str, bootstrap: Vec<u8>, architecture: Architecture) -> Result<Self> {
        let glibc = architecture.check(&bootstrap);
        let glibc =
            glibc.with_context(|| format!("the executable of {function} cannot be deployed"))?;
        let zip = archive::zip(&bootstrap)
            .with_context(|| format!("the zip of {function} cannot be made"))?;
        Ok(Self {
            function: function.to_owned(),
            sha256: archive::sha256(&zip),
            bootstrap,
            zip,
            glibc,
        })
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}.zip", self.function)
    }
}

impl Build {
    pub(crate) fn is_complete(&self) -> bool {
        self.chosen == self.functions
    }

    pub(crate) async fn run(&self, place: &Place) -> Result<Vec<Package>> {
        let lambda = place.target.join("lambda");
        let flags = self.flags(place).await?;
        let mut cargo_lambda =
            process::command(self.tools.sam_bin().join("cargo-lambda"), Signal::SIGTERM);
        cargo_lambda
            .args(["lambda", "build", "--release", "--locked", "--target"])
            .arg(self.architecture.target())
            .arg("--lambda-dir")
            .arg(&lambda);
        // All packages, whichever binaries are built: cargo unites the features of those it is
        // given, and a function must be the same alone and among others.
        for function in &self.functions {
            cargo_lambda.args(["--package", function]);
        }
        for function in &self.chosen {
            cargo_lambda.args(["--bin", function]);
        }
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if FOREIGN.iter().any(|it| text.contains(it)) {
                cargo_lambda.env_remove(&name);
            }
        }
        cargo_lambda
            .env("PATH", self.tools.search_path())
            .env("CARGO_HOME", &place.cargo_home)
            .env("CARGO_TARGET_DIR", &place.target)
            // Of all ways to give flags the one that no configuration file overrides.
            .env("CARGO_ENCODED_RUSTFLAGS", flags)
            .current_dir(&place.workspace);
        if let Some(cache) = &place.cache {
            cargo_lambda.env("XDG_CACHE_HOME", cache);
        }
        let log = place.target.join("cargo-lambda.log");
        let progress = Some(self.progress.clone());
        process::run("cargo lambda build", cargo_lambda, &log, progress).await?;

        let packages = self.chosen.iter().map(|function| {
            let path = lambda.join(function).join(archive::EXECUTABLE);
            let bootstrap =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Package::new(function, bootstrap, self.architecture)
        });
        packages.collect()
    }

    /// The compiler's flags: every path that a panic's place may name is replaced.
    async fn flags(&self, place: &Place) -> Result<String> {
        let sysroot = rustc(place, "rustc --print sysroot").await?.concat();
        let version = rustc(place, "rustc -vV").await?;
        let commit = version
            .iter()
            .find_map(|line| line.strip_prefix("commit-hash: "))
            .context("`rustc -vV` answered without commit-hash")?;
        (self.progress)(version.first().map_or("", String::as_str));
        // The last that fits counts. The standard library's source is a path of this machine only
        // where rustup has installed it (component rust-src).
        let replaced = [
            (place.workspace.as_path(), "/workspace".to_owned()),
            (&place.target, "/target".to_owned()),
            (&place.cargo_home, "/cargo".to_owned()),
            (
                &Path::new(&sysroot).join("lib/rustlib/src/rust"),
                format!("/rustc/{commit}"),
            ),
        ];
        let mut flags = vec![format!("-Ctarget-cpu={}", self.architecture.cpu())];
        for (path, by) in replaced {
            flags.push(format!("--remap-path-prefix={}={by}", utf8(path)?));
        }
        Ok(flags.join("\u{1f}"))
    }
}

async fn rustc(place: &Place, command: &'static str) -> Result<Vec<String>> {
    let mut words = command.split(' ');
    let mut rustc: Command = process::command(words.next().unwrap_or("rustc"), Signal::SIGTERM);
    rustc.args(words).current_dir(&place.workspace);
    let log = place.target.join("rustc.log");
    Ok(process::run(command, rustc, &log, None).await?.lines())
}
