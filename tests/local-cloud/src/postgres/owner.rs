//! Whose processes and files a server's are.

use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

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
