//! Whose processes and files a server's are.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use tokio::process::Command;

/// The user that a server runs as: database servers refuse to be root.
#[derive(Debug)]
pub struct Owner {
    user: Option<User>,
    stop: Signal,
}

impl Owner {
    /// The user of this name, or `nobody`, if this is root. The server will be stopped by `stop`.
    pub fn find(name: &str, stop: Signal) -> io::Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self { user: None, stop });
        }
        for name in [name, "nobody"] {
            if let Some(user) = User::from_name(name).map_err(io::Error::from)? {
                return Ok(Self {
                    user: Some(user),
                    stop,
                });
            }
        }
        let message =
            format!("run as root, and there is neither a user {name} nor nobody to run it as");
        Err(io::Error::new(io::ErrorKind::NotFound, message))
    }

    pub fn give(&self, path: &Path) -> io::Result<()> {
        let Some(user) = &self.user else {
            return Ok(());
        };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
    }

    /// As [`Self::give`], with all that is in a directory.
    pub fn give_all(&self, directory: &Path) -> io::Result<()> {
        self.give(directory)?;
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                self.give_all(&path)?;
            } else {
                self.give(&path)?;
            }
        }
        Ok(())
    }

    /// Where this user can run the programs of a server: where they are, or in a copy within `directory` of all that
    /// they belong to. The checkout may be one that only root can enter.
    pub fn accessible(&self, programs: &Path, directory: &Path) -> io::Result<PathBuf> {
        if self.user.is_none() || is_open_to_all(programs) {
            return Ok(programs.to_owned());
        }
        let unpacked = crate::root_of(programs);
        let top = unpacked.or(programs.parent()).unwrap_or(programs);
        // Unpacked packages are known by the name of the directory that they are in.
        let suite = unpacked.and_then(|root| root.parent()?.file_name());
        let to = match (suite, top.file_name()) {
            (Some(suite), Some(name)) => directory.join(suite).join(name),
            _ => directory.join("server"),
        };
        if !to.exists() {
            copy(top, &to)?;
        }
        Ok(to.join(programs.strip_prefix(top).unwrap_or(Path::new("bin"))))
    }

    /// As [`super::command`], run by this user.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = match &self.user {
            None => super::command(program, self.stop),
            Some(user) => {
                let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
                let become_user = ["--reuid", &uid, "--regid", &gid, "--clear-groups"];
                super::command_as(program, self.stop, &become_user)
            }
        };
        // The server must be able to stand where it starts.
        command.current_dir("/").env("LC_ALL", "C.UTF-8");
        command
    }
}

fn is_open_to_all(path: &Path) -> bool {
    path.ancestors().all(|directory| {
        let mode = directory.metadata().map(|data| data.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o001 != 0)
    })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_symlink() {
        return std::os::unix::fs::symlink(std::fs::read_link(from)?, to);
    }
    if !from.is_dir() {
        // A link is faster, where both are on one file system.
        return std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(drop));
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
