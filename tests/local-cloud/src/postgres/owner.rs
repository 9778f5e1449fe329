//! Whose processes and files a server's are.

use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use tokio::process::Command;

use super::PostgresError;
use crate::process;

/// The user that the server runs as. PostgreSQL refuses to be root.
pub(super) struct Owner(Option<User>);

impl Owner {
    pub(super) fn find() -> Result<Self, PostgresError> {
        if !Uid::effective().is_root() {
            return Ok(Self(None));
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).map_err(io::Error::from)? {
                return Ok(Self(Some(user)));
            }
        }
        let message = "run as root, and there is neither a user postgres nor nobody to run it as";
        Err(io::Error::new(io::ErrorKind::NotFound, message).into())
    }

    pub(super) fn give(&self, path: &Path) -> Result<(), PostgresError> {
        let Self(Some(user)) = self else {
            return Ok(());
        };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(|source| {
            PostgresError::Owner {
                user: user.name.clone(),
                source,
            }
        })
    }

    /// Programs that the user can run: a copy of those beyond the system's directories, which may
    /// lie where only root can go.
    pub(super) fn accessible(&self, programs: &Path, directory: &Path) -> io::Result<PathBuf> {
        if self.0.is_none() || programs.starts_with("/usr") {
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

    pub(super) fn command(&self, program: &Path) -> Command {
        let signal = Signal::SIGQUIT;
        let mut command = match &self.0 {
            None => process::command(program, signal),
            Some(user) => {
                let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
                let become_user = ["--reuid", &uid, "--regid", &gid, "--clear-groups"];
                process::command_as(program, signal, &become_user)
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
