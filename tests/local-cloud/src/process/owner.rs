//! Whose processes and files a server's are.

use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use tokio::process::Command;

/// The user that a server runs as: database servers refuse to be root.
#[derive(Debug)]
pub(crate) struct Owner {
    user: Option<User>,
    stop: Signal,
}

impl Owner {
    /// The user of this name, or `nobody`, if this is root. The server will be stopped by `stop`.
    pub(crate) fn find(name: &str, stop: Signal) -> io::Result<Self> {
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

    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        let Some(user) = &self.user else {
            return Ok(());
        };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
    }

    /// Programs that the user can run: a copy of those beyond the system's directories, which may
    /// lie where only root can go.
    pub(crate) fn accessible(&self, programs: &Path, directory: &Path) -> io::Result<PathBuf> {
        if self.user.is_none() || programs.starts_with("/usr") {
            return Ok(programs.to_owned());
        }
        let (from, to) = (
            programs.parent().unwrap_or(programs),
            directory.join("server"),
        );
        for part in ["bin", "lib", "share"] {
            copy(&from.join(part), &to.join(part))?;
        }
        Ok(to.join("bin"))
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
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

fn copy(from: &Path, to: &Path) -> io::Result<()> {
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
