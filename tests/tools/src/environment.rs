//! One pinned virtual environment of Python.

use anyhow::Context as _;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::{missing, quiet, unusable};
use crate::process::{self, Ended, OnLine};

/// Holds, once an environment is complete, the requirements that it was made from.
const STAMP: &str = ".made-from";

/// A virtual environment's name and its complete list of packages.
pub(super) struct Pins {
    pub(super) name: &'static str,
    pub(super) requirements: &'static str,
    /// Arguments to `pip install` where uv has no such option; else it is uv that installs.
    pub(super) pip: &'static [&'static str],
}

/// What makes the other environments, in a tenth of pip's time.
const UV: Pins = Pins::of("uv", include_str!("../requirements/uv.txt"));

const PIP: [&str; 3] = [
    "--require-hashes",
    "--disable-pip-version-check",
    "--no-input",
];

/// A command that makes an environment without pip, at the path that is still to be given.
fn venv(uv: &Path) -> Command {
    let mut venv = quiet(&uv.join("uv"));
    venv.args(["venv", "--no-project", "--python"])
        .arg(uv.join("python"));
    venv
}

impl Pins {
    pub(super) const fn of(name: &'static str, requirements: &'static str) -> Self {
        Self {
            name,
            requirements,
            pip: &[],
        }
    }

    /// The environment's directory, made anew if it is missing, incomplete or of other pins.
    pub(super) async fn ensure(&self, target: &Path, progress: &OnLine) -> anyhow::Result<PathBuf> {
        let tools = target.join("tools");
        fs::create_dir_all(&tools).with_context(|| unusable(&tools))?;
        let directory = tools.join(self.name);
        if self.is_complete(&directory) {
            return Ok(directory);
        }
        let lock = tools.join(format!("{}.lock", self.name));
        let _lock = self::lock(&lock, self.name, progress).await?;
        if self.is_complete(&directory) {
            return Ok(directory);
        }
        if self.name != UV.name {
            Box::pin(UV.ensure(target, progress)).await?;
        }
        self.make(&tools, &directory, progress).await?;
        Ok(directory)
    }

    fn is_complete(&self, directory: &Path) -> bool {
        // An environment dies with the Python that it was made from.
        directory.join("bin/python").exists()
            && fs::read_to_string(directory.join(STAMP))
                .is_ok_and(|made_from| made_from == self.requirements)
    }

    async fn make(&self, tools: &Path, directory: &Path, progress: &OnLine) -> anyhow::Result<()> {
        if directory.exists() {
            fs::remove_dir_all(directory).with_context(|| unusable(directory))?;
        }
        progress(&format!("installing the {} tools under target/", self.name));
        let name = self.name;
        let log = |step: &str| tools.join(format!("{name}-{step}.log"));
        let uv = tools.join(UV.name).join("bin");
        let (mut venv, mut install) = if name == UV.name {
            let python = process::find_program("python3", &[])
                .ok_or_else(|| missing("python3", "apt-get install python3 python3-venv"))?;
            let mut venv = quiet(&python);
            venv.args(["-m", "venv"]);
            let mut pip = quiet(&directory.join("bin/python"));
            pip.args(["-m", "pip", "install"]).args(PIP);
            (venv, pip)
        } else if self.pip.is_empty() {
            let mut install = quiet(&uv.join("uv"));
            install.args(["pip", "install", "--require-hashes", "--python"]);
            install.arg(directory.join("bin/python"));
            (self::venv(&uv), install)
        } else {
            let mut pip = quiet(&uv.join("python"));
            pip.args(["-m", "pip", "--python"])
                .arg(directory.join("bin/python"));
            pip.arg("install").args(PIP).args(self.pip);
            (self::venv(&uv), pip)
        };
        venv.arg(directory);
        if let Err(error) = process::run("python3 -m venv", venv, &log("venv"), None).await {
            // What Debian's Python says without its package python3-venv.
            let told = |ended: &Ended| {
                ended.tail.contains("ensurepip") || ended.tail.contains("No module named venv")
            };
            if error.downcast_ref().is_some_and(told) {
                let remedy = "apt-get install python3-venv";
                return Err(missing("Python's venv module", remedy));
            }
            return Err(error);
        }

        let requirements = tools.join(format!("{name}.txt"));
        fs::write(&requirements, self.requirements).with_context(|| unusable(&requirements))?;
        install.arg("--requirement").arg(&requirements);
        process::run(
            "the installation of Python packages",
            install,
            &log("install"),
            None,
        )
        .await?;

        let stamp = directory.join(STAMP);
        fs::write(&stamp, self.requirements).with_context(|| unusable(&stamp))
    }
}

/// Waits for its turn, and says so. The lock is given back when the file is closed, also by a process that dies.
pub(super) async fn lock(path: &Path, name: &str, progress: &OnLine) -> anyhow::Result<File> {
    let file = File::create(path).with_context(|| unusable(path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => progress(&format!(
            "waiting for another process that sets up the {name} tools"
        )),
        Err(TryLockError::Error(error)) => return Err(error).with_context(|| unusable(path)),
    }
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await?;
    locked.with_context(|| unusable(path))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NOTHING: Pins = Pins::of("nothing", "# no packages\n");

    #[test]
    fn an_environment_of_other_pins_or_none_is_not_complete() {
        let target = tempfile::tempdir().unwrap();
        let directory = target.path().join("tools/nothing");
        assert!(!NOTHING.is_complete(&directory));
        fs::create_dir_all(directory.join("bin")).unwrap();
        fs::write(directory.join("bin/python"), "").unwrap();
        assert!(!NOTHING.is_complete(&directory));
        fs::write(directory.join(STAMP), "# others\n").unwrap();
        assert!(!NOTHING.is_complete(&directory));
        fs::write(directory.join(STAMP), "# no packages\n").unwrap();
        assert!(NOTHING.is_complete(&directory));
    }

    #[tokio::test]
    #[ignore = "needs the local cloud: cargo xtask test"]
    async fn two_at_once_make_one_environment() {
        let target = tempfile::tempdir().unwrap();
        let made = Arc::new(std::sync::Mutex::new(0));
        let progress: OnLine = Arc::new({
            let made = made.clone();
            move |line: &str| {
                *made.lock().unwrap() += u32::from(line.starts_with("installing the nothing"));
            }
        });
        let (one, other) = tokio::join!(
            NOTHING.ensure(target.path(), &progress),
            NOTHING.ensure(target.path(), &progress)
        );
        assert_eq!(one.unwrap(), other.unwrap());
        assert_eq!(*made.lock().unwrap(), 1);
    }
}
