//! Child processes: each in a group of its own, its output kept, all of it stopped with the value
//! that owns it and with this process, however it ends.

mod output;
mod owner;
mod spawner;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};

pub use output::{OnLine, Output};
pub use owner::Owner;

/// The longest that one look at whether a process is ready may take: the process may have ended meanwhile.
const LOOK: Duration = Duration::from_secs(5);

const TAIL: usize = 20;
/// How long a process has to end after its stop signal before it is killed.
const GRACE: Duration = Duration::from_mins(1);

/// A process ended, with an error or before it was ready.
#[derive(Debug, thiserror::Error)]
#[error("{name} ended with {status}; its last output (all of it: {}):\n{tail}", .log.display())]
pub struct Ended {
    name: String,
    status: ExitStatus,
    log: Arc<Path>,
    pub(crate) tail: String,
}

/// A command whose process gets `at_death` when this process dies, even if it is killed.
///
/// That is util-linux's `setpriv --pdeathsig`; where it is missing, the command runs plainly.
pub fn command(program: impl AsRef<OsStr>, at_death: Signal) -> Command {
    command_as(program, at_death, &[])
}

/// Like [`command`], with further arguments to `setpriv` (`--reuid`, `--regid`, `--init-groups`).
pub fn command_as(
    program: impl AsRef<OsStr>,
    at_death: Signal,
    setpriv_arguments: &[&str],
) -> Command {
    let libraries = crate::libraries(Path::new(program.as_ref()));
    let set_libraries = |mut command: Command| {
        // Python's tools compile themselves at each start else, which takes longer than most of what they do.
        command.env_remove("PYTHONDONTWRITEBYTECODE");
        if let Some(libraries) = &libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    };
    if setpriv_arguments.is_empty() && find_program("setpriv", &[]).is_none() {
        return set_libraries(Command::new(program));
    }
    let signal = at_death.as_str();
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", signal.strip_prefix("SIG").unwrap_or(signal)])
        .args(setpriv_arguments)
        .arg("--")
        .arg(program);
    set_libraries(command)
}

/// Takes all settings of AWS's tools out of a command's environment, so that no developer's
/// account is ever reached.
pub fn forget_aws(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true");
}

/// Takes what cargo tells the crate that it runs out of a command's environment: another cargo would
/// build anew what looks at it, ring and all that stands on it.
pub fn forget_cargo(command: &mut std::process::Command) {
    const ABOUT_THE_CRATE: [&str; 4] = ["BIN_", "CRATE_", "MANIFEST_", "PKG_"];
    for (name, _) in std::env::vars_os() {
        let about = name.to_str().and_then(|name| name.strip_prefix("CARGO_"));
        if about.is_some_and(|it| ABOUT_THE_CRATE.iter().any(|start| it.starts_with(start))) {
            command.env_remove(name);
        }
    }
}

/// The first executable file of this name in `PATH`, then in the further directories.
pub fn find_program(name: &str, further: &[std::path::PathBuf]) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(further.iter().cloned())
        .map(|directory| directory.join(name))
        .find(|file| {
            file.metadata()
                .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
        })
}

/// A port of the loopback interface for one server, however often it starts: nobody else is given it. A port that was
/// only free a moment ago may be another server's by then, who answers in this one's name.
///
/// The server must share the address (`SO_REUSEADDR`), as databases and web servers do.
#[derive(Debug)]
pub struct HeldPort {
    port: u16,
    /// Bound, and listening to nobody.
    _held: TcpSocket,
}

impl HeldPort {
    pub fn new() -> io::Result<Self> {
        let held = TcpSocket::new_v4()?;
        held.set_reuseaddr(true)?;
        held.bind(([127, 0, 0, 1], 0).into())?;
        Ok(Self {
            port: held.local_addr()?.port(),
            _held: held,
        })
    }

    pub fn number(&self) -> u16 {
        self.port
    }
}

/// A running child process and all that it starts in its process group. Stopped on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    group: Option<Pid>,
    stop_signal: Signal,
    log: Arc<Path>,
    output: Output,
}

impl Process {
    /// Starts a process in a group of its own, its output going to the file `log`, which is made anew.
    ///
    /// Its standard input is empty. Must be called within a tokio runtime.
    pub async fn spawn(name: &str, command: Command, log: &Path) -> Result<Self> {
        Self::spawn_watched(name, command, log, None).await
    }

    /// Like [`Self::spawn`], calling `on_line` with every line of its output as it comes.
    pub async fn spawn_watched(
        name: &str,
        mut command: Command,
        log: &Path,
        on_line: Option<OnLine>,
    ) -> Result<Self> {
        let unusable = || format!("cannot write the log of {name} to {}", log.display());
        let file = create(log).with_context(unusable)?;
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = spawner::spawn(command).await;
        let mut child = child.with_context(|| format!("cannot start {name}"))?;
        let output = Output::capture(
            file,
            on_line.as_ref(),
            child.stdout.take(),
            child.stderr.take(),
        );
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        Ok(Self {
            name: name.to_owned(),
            child,
            group,
            stop_signal: Signal::SIGTERM,
            log: log.into(),
            output,
        })
    }

    #[must_use]
    pub fn stopped_by(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// Its process id, `None` once it has ended and been waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Waits until `ready` says so, asking every 50 ms.
    ///
    /// Fails at once if the process ends, and after `deadline` at the latest.
    pub async fn wait_until(
        &mut self,
        deadline: Duration,
        mut ready: impl AsyncFnMut(&Output) -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            if let Some(status) = self.try_wait()? {
                self.output.closed().await;
                return Err(self.ended(status).into());
            }
            let left = deadline.saturating_sub(start.elapsed()).min(LOOK);
            match tokio::time::timeout(left, ready(&self.output)).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(_) if start.elapsed() < deadline => {}
                Ok(false) | Err(_) => bail!(
                    "{} was not ready within {} s; its last output (all of it: {}):\n{}",
                    self.name,
                    deadline.as_secs(),
                    self.log.display(),
                    self.output.tail(TAIL)
                ),
            }
        }
    }

    /// Waits for its end; everything it wrote, if it succeeded.
    ///
    /// Fails with the end of its output if its status is not zero.
    pub async fn finish(mut self) -> Result<Output> {
        let status = self.child.wait().await?;
        // A grandchild that outlives it would keep the pipes open.
        self.kill_group();
        self.output.closed().await;
        if status.success() {
            Ok(self.output.clone())
        } else {
            Err(self.ended(status).into())
        }
    }

    /// Waits for its end, and for all that it has written.
    pub async fn wait(&mut self) {
        // It is this process's own child, and waited for here alone: nothing else can go wrong.
        let _ = self.child.wait().await;
        // A grandchild that outlives it would keep the pipes open.
        self.kill_group();
        self.output.closed().await;
    }

    /// Stops it as dropping it does, without blocking the runtime.
    pub async fn stop(self) {
        // The join fails only if dropping panics or the runtime is ending: stopped either way.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        Ended {
            name: self.name.clone(),
            status,
            log: Arc::clone(&self.log),
            tail: self.output.tail(TAIL),
        }
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.kill_group();
        }
        Ok(status)
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(group) = self.group
            && let Err(error) = killpg(group, signal)
            && error != Errno::ESRCH
        {
            tracing::warn!(process = self.name, %error, "cannot signal the process group");
        }
    }

    /// Kills what is left of the group, and forgets it: its id may be another's from now on.
    fn kill_group(&mut self) {
        self.signal_group(Signal::SIGKILL);
        self.group = None;
    }

    /// Whether the leader has ended; it stays a zombie, so that its group's id stays its own.
    #[cfg(target_os = "linux")]
    #[expect(clippy::unused_self, reason = "elsewhere it asks the child")]
    fn leader_ended(&mut self, leader: Pid) -> bool {
        use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        !matches!(waitid(Id::Pid(leader), flags), Ok(WaitStatus::StillAlive))
    }

    /// Whether the leader has ended. Elsewhere nix has no call that leaves it a zombie.
    #[cfg(not(target_os = "linux"))]
    fn leader_ended(&mut self, _leader: Pid) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(group) = self.group else { return };
        self.signal_group(self.stop_signal);
        let patience = Instant::now() + GRACE;
        while !self.leader_ended(group) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill_group();
        // Reaps it: after SIGKILL the end is a matter of the kernel's next turn.
        while matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Runs a command to its end; its output, if it succeeded.
///
/// Fails with the end of its output if its status is not zero. Dropping the future stops it.
pub async fn run(
    name: &str,
    command: Command,
    log: &Path,
    on_line: Option<OnLine>,
) -> Result<Output> {
    Process::spawn_watched(name, command, log, on_line)
        .await?
        .finish()
        .await
}

fn create(log: &Path) -> io::Result<std::fs::File> {
    if let Some(directory) = log.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::File::create(log)
}

#[cfg(test)]
mod tests;
