//! One pinned virtual environment of Python.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{ToolsError, quiet};
use crate::process::{self, OnLine, ProcessError};

/// Holds, once an environment is complete, the requirements that it was made from.
const STAMP: &str = ".made-from";

/// A virtual environment's name and its complete list of packages.
pub(super) struct Pins {
    pub(super) name: &'static str,
    pub(super) requirements: &'static str,
    /// Further arguments to `pip install`.
    pub(super) pip: &'static [&'static str],
}

impl Pins {
    /// The environment's directory, made anew if it is missing, incomplete or of other pins.
    pub(super) async fn ensure(
        &self,
        target: &Path,
        progress: &OnLine,
    ) -> Result<PathBuf, ToolsError> {
        let tools = target.join("tools");
        fs::create_dir_all(&tools).map_err(|source| ToolsError::file(&tools, source))?;
        let directory = tools.join(self.name);
        if self.is_complete(&directory) {
            return Ok(directory);
        }
        let lock = tools.join(format!("{}.lock", self.name));
        let _lock = self.lock(&lock, progress).await?;
        if self.is_complete(&directory) {
            return Ok(directory);
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

    /// The lock is given back when the file is closed, also by a process that dies.
    async fn lock(&self, path: &Path, progress: &OnLine) -> Result<File, ToolsError> {
        let error = |source| ToolsError::file(path, source);
        let file = File::create(path).map_err(error)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => progress(&format!(
                "waiting for another process that installs the {} tools",
                self.name
            )),
            Err(TryLockError::Error(source)) => return Err(error(source)),
        }
        let file = tokio::task::spawn_blocking(move || file.lock().map(|()| file))
            .await
            .map_err(|join| error(std::io::Error::other(join)))?
            .map_err(error)?;
        Ok(file)
    }

    async fn make(
        &self,
        tools: &Path,
        directory: &Path,
        progress: &OnLine,
    ) -> Result<(), ToolsError> {
        const VENV: ToolsError = ToolsError::Missing {
            program: "Python's venv module",
            remedy: "apt-get install python3-venv",
        };
        let Some(python) = process::find_program("python3", &[]) else {
            return Err(ToolsError::Missing {
                program: "python3",
                remedy: "apt-get install python3 python3-venv",
            });
        };
        if directory.exists() {
            fs::remove_dir_all(directory).map_err(|source| ToolsError::file(directory, source))?;
        }
        progress(&format!("making {}", directory.display()));
        let name = self.name;
        let mut venv = quiet(&python);
        venv.args(["-m", "venv"]).arg(directory);
        let log = tools.join(format!("{name}-venv.log"));
        match process::run("python3 -m venv", venv, &log, None).await {
            // What Debian's Python says without its package python3-venv.
            Err(ProcessError::Ended { tail, .. }) if tail.contains("ensurepip") => {
                return Err(VENV);
            }
            Err(ProcessError::Ended { tail, .. }) if tail.contains("No module named venv") => {
                return Err(VENV);
            }
            result => drop(result?),
        }

        let requirements = tools.join(format!("{name}.txt"));
        fs::write(&requirements, self.requirements)
            .map_err(|source| ToolsError::file(&requirements, source))?;
        let mut pip = quiet(&directory.join("bin/python"));
        pip.args(["-m", "pip", "install", "--disable-pip-version-check"])
            .args(["--no-input", "--progress-bar", "off"])
            .args(self.pip)
            .arg("--requirement")
            .arg(&requirements);
        let log = tools.join(format!("{name}-pip.log"));
        process::run("pip install", pip, &log, Some(progress.clone())).await?;

        let stamp = directory.join(STAMP);
        fs::write(&stamp, self.requirements).map_err(|source| ToolsError::file(&stamp, source))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn nothing() -> Pins {
        Pins {
            name: "nothing",
            requirements: "# no packages\n",
            pip: &[],
        }
    }

    #[test]
    fn an_environment_of_other_pins_or_none_is_not_complete() {
        let target = tempfile::tempdir().unwrap();
        let directory = target.path().join("tools/nothing");
        assert!(!nothing().is_complete(&directory));
        fs::create_dir_all(directory.join("bin")).unwrap();
        fs::write(directory.join("bin/python"), "").unwrap();
        assert!(!nothing().is_complete(&directory));
        fs::write(directory.join(STAMP), "# others\n").unwrap();
        assert!(!nothing().is_complete(&directory));
        fs::write(directory.join(STAMP), "# no packages\n").unwrap();
        assert!(nothing().is_complete(&directory));
    }

    #[tokio::test]
    #[ignore = "needs the local cloud: cargo xtask test"]
    async fn two_at_once_make_one_environment() {
        let target = tempfile::tempdir().unwrap();
        let made = Arc::new(std::sync::Mutex::new(0));
        let progress: OnLine = Arc::new({
            let made = made.clone();
            move |line: &str| *made.lock().unwrap() += u32::from(line.starts_with("making "))
        });
        let (pins, others) = (nothing(), nothing());
        let (one, other) = tokio::join!(
            pins.ensure(target.path(), &progress),
            others.ensure(target.path(), &progress)
        );
        assert_eq!(one.unwrap(), other.unwrap());
        assert_eq!(*made.lock().unwrap(), 1);
    }
}
