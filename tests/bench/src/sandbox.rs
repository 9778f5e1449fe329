//! A function's process as Lambda runs it: its environment and nothing else, one processor.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_cloud::lambda::{Call, RuntimeApi};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::BenchError;
use super::processors::Starter;

/// What an invocation has.
const TIMEOUT: Duration = Duration::from_mins(3);

/// How long a process may say nothing: under valgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_mins(2);

/// How to start a function.
#[derive(Clone)]
pub(crate) struct Launch {
    /// The function, as it is called here.
    pub(crate) name: String,
    pub(crate) function: local_cloud::lambda::Launch,
    /// A program that runs it, with arguments: none, or valgrind.
    pub(crate) under: Vec<String>,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

/// A process, killed when dropped.
pub(crate) struct Sandbox {
    function: String,
    log: PathBuf,
    api: RuntimeApi,
    child: Child,
    begun: Instant,
}

impl Sandbox {
    /// Starts a process that gets `event` as soon as it asks for one.
    pub(crate) async fn start(
        launch: &Launch,
        starter: &Starter,
        event: Value,
    ) -> Result<Self, BenchError> {
        let failed = |source| BenchError::Start {
            function: launch.name.clone(),
            source,
        };
        let api = RuntimeApi::start(local_cloud::lambda::arn(&launch.function.function), TIMEOUT)
            .await
            .map_err(failed)?;
        api.hand_over(event);
        let mut command = launch.command(&api).map_err(failed)?;
        let start = move || {
            let begun = Instant::now();
            command.spawn().map(|child| (child, begun))
        };
        let lost = || io::Error::other("its processor cannot be used");
        let spawned = starter.run(start).await.ok_or_else(|| failed(lost()))?;
        let (child, begun) = spawned.map_err(failed)?;
        Ok(Self {
            function: launch.name.clone(),
            log: launch.log.clone(),
            api,
            child,
            begun,
        })
    }

    /// Waits until it asks for an event; how long that was after its start.
    pub(crate) async fn ready(&mut self) -> Result<Duration, BenchError> {
        match self.call().await? {
            Call::Next(at) => Ok(at - self.begun),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Waits for the answer to the first event; how long that was after its start.
    pub(crate) async fn first_answer(&mut self) -> Result<Duration, BenchError> {
        Ok(self.answer().await? - self.begun)
    }

    /// Hands over another event and waits for the answer; how long that took.
    pub(crate) async fn invoke(&mut self, event: Value) -> Result<Duration, BenchError> {
        let handed_over = Instant::now();
        self.api.hand_over(event);
        Ok(self.answer().await? - handed_over)
    }

    /// Waits for an answer, or for the error that the function reports instead.
    pub(crate) async fn outcome(&mut self) -> Result<Result<Value, Value>, BenchError> {
        match self.call().await? {
            Call::Answer(_, answer) => Ok(Ok(answer)),
            Call::Error(error) => Ok(Err(error)),
            other @ Call::Next(_) => Err(self.unexpected(&other)),
        }
    }

    /// The most memory that was resident so far. The kernel's sum for a process that has ended would
    /// hold what its parent had when it started it.
    pub(crate) fn peak_memory(&self) -> Result<u64, BenchError> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).map_err(BenchError::file(Path::new(&path)))?;
        peak_memory(&status).ok_or(BenchError::NoPeakMemory)
    }

    /// Ends it in a way that lets a program that it runs under write its report.
    pub(crate) async fn finish(mut self) -> Result<(), BenchError> {
        let failed = |source| BenchError::Start {
            function: self.function.clone(),
            source,
        };
        let id = i32::try_from(self.child.id()).map_err(|error| failed(io::Error::other(error)))?;
        kill(Pid::from_raw(id), Signal::SIGTERM).map_err(|error| failed(error.into()))?;
        let ended = tokio::task::spawn_blocking(move || self.child.wait().map(drop));
        // Its status is the signal's.
        let _ = tokio::time::timeout(PATIENCE, ended).await;
        Ok(())
    }

    async fn answer(&mut self) -> Result<Instant, BenchError> {
        match self.call().await? {
            Call::Answer(at, _) => Ok(at),
            other => Err(self.unexpected(&other)),
        }
    }

    async fn call(&mut self) -> Result<Call, BenchError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Looked at now and then: its death makes no call.
            let step = Duration::from_millis(500);
            if let Ok(Some(call)) = tokio::time::timeout(step, self.api.call()).await {
                return Ok(call);
            }
            let ended = matches!(self.child.try_wait(), Ok(Some(_)));
            if ended || Instant::now() > deadline {
                return Err(BenchError::Silent {
                    function: self.function.clone(),
                    log: self.log.clone(),
                });
            }
        }
    }

    fn unexpected(&self, call: &Call) -> BenchError {
        BenchError::Unexpected {
            function: self.function.clone(),
            call: format!("{call:?}"),
            log: self.log.clone(),
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Launch {
    fn command(&self, api: &RuntimeApi) -> io::Result<Command> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let executable = &self.function.executable;
        let mut words = self.under.iter();
        let mut command = match words.next() {
            Some(program) => {
                let mut command = Command::new(program);
                command.args(words).arg(executable);
                command
            }
            None => Command::new(executable),
        };
        self.function.prepare(&mut command, api);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }
}

fn peak_memory(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_high_water_mark_and_not_what_is_resident() {
        let status = "Name:\trotate\nVmPeak:\t  900 kB\nVmHWM:\t    64 kB\nVmRSS:\t      8 kB\n";
        assert_eq!(peak_memory(status), Some(65_536));
        assert_eq!(peak_memory("VmRSS:\t8 kB\n"), None);
    }
}
