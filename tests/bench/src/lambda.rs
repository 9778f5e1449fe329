//! Lambda, measured: each invocation starts the function's process anew.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use axum::body::{Body, Bytes};
use http::{Request, Response};
use local_cloud::lambda::{Call, Function, Launch, RuntimeApi};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::Value;
use strict_aws::ministack;
use strict_aws::scheduler::{HandOver, Target};
use strict_aws::secrets_manager::{Answer, RotationFunctions};

use super::PYTHON;
use super::front::Host;
use super::world::STACK;

const TIMEOUT: Duration = Duration::from_mins(3);
/// How long a process may say nothing: under valgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// From the process's start until it asked for an event, and until it answered: what it waited for other
    /// functions is not in it. Nothing under valgrind.
    pub times: Option<(Duration, Duration)>,
    /// The most memory that was resident until the answer, in bytes. Nothing under valgrind.
    pub memory: Option<u64>,
    /// From the process's start to the answer, if valgrind counted them.
    pub instructions: Option<u64>,
    pub requests: BTreeMap<Host, usize>,
    pub connections: usize,
    /// For other functions.
    pub waited: Duration,
}

/// Starts the functions. Clones share everything.
#[derive(Clone)]
pub struct Lambda(Arc<Shared>);

struct Shared {
    executables: PathBuf,
    /// The interpreter, if there is one, and the function for it.
    python: Option<[PathBuf; 2]>,
    logs: PathBuf,
    functions: OnceLock<Vec<Function>>,
    under_valgrind: AtomicBool,
    /// The functions that run, each called by the one before it, with what they have cost so far.
    running: Mutex<Vec<(String, Invocation)>>,
    ended: Mutex<BTreeMap<String, Invocation>>,
}

pub(crate) fn arn(function: &str) -> String {
    local_cloud::lambda::arn(&format!("{STACK}-{function}"))
}

fn named(arn: &str) -> Option<&str> {
    let name = arn.rsplit(':').next()?;
    name.strip_prefix(STACK)?.strip_prefix('-')
}

/// The name of one kind of invocation: the function's, and with `rotate` the step's.
fn kind(function: &str, event: &Value) -> String {
    match (function, event["Step"].as_str()) {
        ("rotate" | PYTHON, Some(step)) => format!("{function} {step}"),
        _ => function.to_owned(),
    }
}

impl Lambda {
    pub(crate) fn new(executables: &Path, logs: &Path, python: Option<[PathBuf; 2]>) -> Self {
        Self(Arc::new(Shared {
            executables: executables.to_owned(),
            python,
            logs: logs.to_owned(),
            functions: OnceLock::new(),
            under_valgrind: AtomicBool::new(false),
            running: Mutex::default(),
            ended: Mutex::default(),
        }))
    }

    /// What there is to know before the first invocation.
    pub(crate) fn deploy(&self, functions: Vec<Function>) {
        // Once only: there is one world per Lambda.
        let _ = self.0.functions.set(functions);
    }

    /// From now on valgrind counts the instructions, or not.
    pub fn count_instructions(&self, under_valgrind: bool) {
        self.0
            .under_valgrind
            .store(under_valgrind, Ordering::Relaxed);
    }

    /// The last invocation of each kind since the last time.
    pub(crate) fn take(&self) -> BTreeMap<String, Invocation> {
        std::mem::take(&mut self.0.ended.lock())
    }

    pub(crate) fn connected(&self) {
        if let Some((_, running)) = self.0.running.lock().last_mut() {
            running.connections += 1;
        }
    }

    pub(crate) fn asked(&self, host: Host) {
        if let Some((_, running)) = self.0.running.lock().last_mut() {
            *running.requests.entry(host).or_default() += 1;
        }
    }

    /// `Invoke`, as `rotate` asks for it: a function that fails is a success with a header.
    pub(crate) async fn answer(&self, request: &Request<Bytes>) -> Option<Response<Body>> {
        let path = request.uri().path();
        let function = path
            .strip_prefix("/2015-03-31/functions/")?
            .strip_suffix("/invocations")?
            .replace("%3A", ":");
        let event = serde_json::from_slice(request.body()).ok()?;
        let begun = Instant::now();
        let outcome = self.invoke(named(&function)?, event).await.ok()?;
        if let Some((_, caller)) = self.0.running.lock().last_mut() {
            caller.waited += begun.elapsed();
        }
        let (Ok(payload) | Err(payload)) = &outcome;
        let mut response = Response::new(Body::from(payload.to_string()));
        if outcome.is_err() {
            let failed = http::HeaderValue::from_static("Unhandled");
            response
                .headers_mut()
                .insert("x-amz-function-error", failed);
        }
        Some(response)
    }

    /// Runs a function once and notes what it cost. The error says what kept it from answering.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        event: Value,
    ) -> Result<Result<Value, Value>> {
        let kind = kind(function, &event);
        self.0
            .running
            .lock()
            .push((kind.clone(), Invocation::default()));
        let outcome = self.run(function, event).await;
        let mut running = self.0.running.lock();
        // A later one may outlive it.
        let place = running.iter().rposition(|(it, _)| *it == kind);
        let counted = place.map(|place| running.remove(place).1);
        drop(running);
        let (outcome, cost) = outcome.with_context(|| {
            format!(
                "{function} does not answer; see {}",
                self.log(function).display()
            )
        })?;
        let Invocation {
            requests,
            connections,
            waited,
            ..
        } = counted.unwrap_or_default();
        let times = cost.times;
        let own = Invocation {
            times: times.map(|(init, cold)| (init, cold.saturating_sub(waited))),
            requests,
            connections,
            ..cost
        };
        self.0.ended.lock().insert(kind, own);
        Ok(outcome)
    }

    /// What runs as a function: its executable, or the interpreter and its script.
    fn program(&self, function: &str) -> (PathBuf, Option<&Path>) {
        match &self.0.python {
            Some([interpreter, script]) if function == PYTHON => {
                (interpreter.clone(), Some(script))
            }
            _ => (self.0.executables.join(function), None),
        }
    }

    fn log(&self, function: &str) -> PathBuf {
        self.0.logs.join(format!("{function}.log"))
    }

    async fn run(
        &self,
        function: &str,
        event: Value,
    ) -> Result<(Result<Value, Value>, Invocation)> {
        let functions = self.0.functions.get();
        let deployed = functions.and_then(|all| all.iter().find(|it| it.binary == function));
        let (executable, script) = self.program(function);
        let launch = Launch {
            // What the others know it by is nothing to the floor.
            function: deployed.map_or(function, |it| &it.name).to_owned(),
            executable,
            memory: deployed.map_or(256, |it| it.memory),
            environment: deployed
                .map(|it| it.environment.clone())
                .unwrap_or_default(),
        };
        let mut api =
            RuntimeApi::start(local_cloud::lambda::arn(&launch.function), TIMEOUT).await?;
        api.hand_over(event);
        let under_valgrind = self.0.under_valgrind.load(Ordering::Relaxed);
        let report = self.0.logs.join(format!("{function}.callgrind"));
        let mut command = if under_valgrind {
            let mut valgrind = Command::new("valgrind");
            valgrind
                .args(["--tool=callgrind", "--quiet"])
                .arg(format!("--callgrind-out-file={}", report.display()))
                .arg(&launch.executable);
            valgrind
        } else {
            Command::new(&launch.executable)
        };
        command.args(script);
        launch.prepare(&mut command, &api);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log(function))?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let begun = Instant::now();
        let mut process = Process(command.spawn()?);
        let Call::Next(ready) = process.call(&mut api).await? else {
            bail!("it answered before it asked for an event");
        };
        let (at, outcome) = match process.call(&mut api).await? {
            Call::Answer(at, answer) => (at, Ok(answer)),
            Call::Error(error) => (Instant::now(), Err(error)),
            Call::Next(_) => bail!("it asked for another event before it answered"),
        };
        // Its telling has ended when it asks again.
        process.call(&mut api).await?;
        let mut cost = Invocation::default();
        if under_valgrind {
            process.finish().await?;
            let text = std::fs::read_to_string(&report)?;
            cost.instructions = Some(total(&text).context("valgrind's report has no total")?);
        } else {
            cost.times = Some((ready - begun, at - begun));
            cost.memory = Some(process.peak_memory()?);
        }
        Ok((outcome, cost))
    }
}

struct Process(Child);

impl Process {
    async fn call(&mut self, api: &mut RuntimeApi) -> Result<Call> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Asked now and then whether it lives: its death makes no call.
            let step = Duration::from_millis(500);
            if let Ok(Some(call)) = tokio::time::timeout(step, api.call()).await {
                return Ok(call);
            }
            if self.0.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("it ended or says nothing");
            }
        }
    }

    /// The most memory that was resident so far. The kernel's sum for a process that has ended would
    /// hold what its parent had when it started it.
    fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        peak_memory(&status).context("the kernel does not say how much was resident (VmHWM)")
    }

    /// Ends it in a way that lets valgrind write its report.
    async fn finish(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.0.id())?), Signal::SIGTERM)?;
        let ended = tokio::task::spawn_blocking(move || self.0.wait().map(drop));
        tokio::time::timeout(PATIENCE, ended).await???;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn peak_memory(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// The instructions of a report of callgrind's.
fn total(report: &str) -> Option<u64> {
    let line = report.lines().find_map(|line| line.strip_prefix("totals:"));
    line?.trim().parse().ok()
}

impl RotationFunctions for Lambda {
    fn invoke<'a>(
        &'a self,
        function_arn: &'a str,
        event: &'a Value,
    ) -> Answer<'a, ministack::Invocation> {
        Box::pin(async move {
            let function = named(function_arn).unwrap_or(function_arn);
            let outcome = Self::invoke(self, function, event.clone()).await;
            let outcome = outcome.map_err(|error| format!("{error:#}"))?;
            let function_error = outcome.is_err().then(|| "Unhandled".to_owned());
            let (Ok(payload) | Err(payload)) = outcome;
            Ok(ministack::Invocation {
                payload,
                function_error,
            })
        })
    }

    fn lets_in<'a>(&'a self, _function_arn: &'a str, _secret_arn: &'a str) -> Answer<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn principal<'a>(&'a self, function_arn: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async move { Ok(function_arn.rsplit(':').next().map(str::to_owned)) })
    }
}

impl Target for Lambda {
    fn invoke(&self, function_arn: String, _role_arn: String, input: String) -> HandOver<'_> {
        Box::pin(async move {
            let event = serde_json::from_str(&input).map_err(|error| error.to_string())?;
            let function = named(&function_arn).unwrap_or(&function_arn);
            match Self::invoke(self, function, event).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(format!("{error:#}")),
            }
        })
    }
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

    #[test]
    fn the_total_is_the_whole_programs() {
        let report = "version: 1\nevents: Ir\nfl=(1)\nfn=(1)\n0 12\n\ntotals: 1234567\n";
        assert_eq!(total(report), Some(1_234_567));
        assert_eq!(total("version: 1\n"), None);
    }
}
