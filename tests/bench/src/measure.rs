//! Starts each function again and again, and takes down what it costs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use local_cloud::cloud::Api;
use serde_json::{Value, json};

use super::figures::Samples;
use super::front::Recording;
use super::machine::Machine;
use super::processors::{self, Starter};
use super::report::{Mode, Report, Row, StepRequests};
use super::sandbox::{Launch, Sandbox};
use super::tape::Tape;
use super::world::World;
use super::{BenchError, BenchOptions, FLOOR, FUNCTIONS, callgrind};
use package::archive;

/// Further events for each process after its first.
const WARM: usize = 3;
/// Runs under valgrind: instructions hardly differ.
const COUNTED: usize = 3;

/// The steps of a rotation, each with the invocations that make it.
const STEPS: [(&str, &[&str]); 5] = [
    ("createSecret", &["rotate createSecret", "create-secret"]),
    ("setSecret", &["rotate setSecret", "publish-to-heroku"]),
    ("testSecret", &["rotate testSecret", "test-secret"]),
    ("finishSecret", &["rotate finishSecret", "finish-secret"]),
    ("revocation", &["revoke-secret"]),
];

type Recordings = BTreeMap<String, Recording>;

/// A function with the event that it gets and what it asks then.
struct Subject {
    launch: Launch,
    event: Value,
    tape: Tape,
    samples: Samples,
}

/// Measures all functions, without TLS and with it.
pub(crate) async fn measure(
    executables: &Path,
    directory: &Path,
    options: &BenchOptions,
) -> Result<Report, BenchError> {
    let mut machine = Machine::new();
    let starter = Starter::on(processors::divide()?)?;
    let has_valgrind = callgrind::is_there();
    if !has_valgrind {
        eprintln!(
            "valgrind is not installed: instructions are not counted (apt-get install valgrind)"
        );
    }
    let rounds = usize::from(options.rounds);
    let latency = Duration::from_millis(options.latency.into());
    let counted = if has_valgrind { COUNTED } else { 0 };
    let zips = zips(executables)?;
    let (mut modes, mut rotation) = (Vec::new(), Vec::new());
    for tls in [false, true] {
        let world = World::start(tls, starter.clone(), executables, directory).await?;
        eprintln!(
            "{}: a rotation is recorded",
            if tls { "TLS" } else { "without TLS" }
        );
        let (v1, v3) = (world.record(Api::V1).await?, world.record(Api::V3).await?);
        if rotation.is_empty() {
            rotation.extend(steps("v1", &v1)?);
            rotation.extend(steps("v3", &v3)?);
        }
        let mut subjects = subjects(&world, &v3)?;
        let bar = progress(subjects.len() * (rounds + counted));
        // Round by round, so that what disturbs the machine disturbs all alike.
        for _ in 0..rounds {
            for subject in &mut subjects {
                bar.set_message(subject.launch.name.clone());
                subject.start(&world, &starter, latency).await?;
                bar.inc(1);
            }
        }
        for _ in 0..counted {
            for subject in &mut subjects {
                bar.set_message(format!("{} under valgrind", subject.launch.name));
                subject.count(&world, &starter).await?;
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let mut rows = Vec::new();
        for subject in &subjects {
            rows.push(subject.row(&zips)?);
        }
        let floor = rows.remove(0);
        modes.push(Mode {
            tls,
            floor,
            functions: rows,
        });
    }
    machine.ended();
    Ok(Report {
        machine,
        rounds,
        latency_ms: options.latency.into(),
        modes,
        rotation,
    })
}

/// The floor, then the functions.
fn subjects(world: &World, recordings: &Recordings) -> Result<Vec<Subject>, BenchError> {
    let mut subjects = vec![Subject {
        launch: world.lambda.launch(FLOOR),
        event: json!({}),
        tape: Tape::default(),
        samples: Samples::default(),
    }];
    for function in FUNCTIONS {
        // rotate has four steps; this is the one with the most to do.
        let name = if function == "rotate" {
            "rotate createSecret"
        } else {
            function
        };
        let recording = recorded(recordings, name)?;
        subjects.push(Subject {
            launch: world.lambda.launch(function),
            event: recording.event.clone(),
            tape: recording.tape.clone(),
            samples: Samples::default(),
        });
    }
    Ok(subjects)
}

fn steps(api: &'static str, recordings: &Recordings) -> Result<Vec<StepRequests>, BenchError> {
    let mut steps = Vec::new();
    for (step, names) in STEPS {
        let mut tapes = Vec::new();
        for name in names {
            tapes.push(&recorded(recordings, name)?.tape);
        }
        steps.push(StepRequests::of(api, step, tapes));
    }
    Ok(steps)
}

fn recorded<'a>(recordings: &'a Recordings, name: &str) -> Result<&'a Recording, BenchError> {
    let recording = recordings.get(name);
    recording.ok_or_else(|| BenchError::Recording(format!("{name} was not invoked")))
}

impl Subject {
    /// Starts the function once, and has it answer again in the same process.
    async fn start(
        &mut self,
        world: &World,
        starter: &Starter,
        latency: Duration,
    ) -> Result<(), BenchError> {
        world.desk.play(self.tape.clone(), true, latency);
        let mut sandbox = Sandbox::start(&self.launch, starter, self.event.clone()).await?;
        self.samples.init.push(sandbox.ready().await?);
        self.samples.cold.push(sandbox.first_answer().await?);
        sandbox.ready().await?;
        self.samples.memory.push(sandbox.peak_memory()?);
        self.did_the_same(world)?;
        for _ in 0..WARM {
            world.desk.play(self.tape.clone(), false, latency);
            let warm = sandbox.invoke(self.event.clone()).await?;
            self.samples.warm.push(warm);
            sandbox.ready().await?;
            self.did_the_same(world)?;
        }
        Ok(())
    }

    /// Counts the instructions from the start to the first answer.
    async fn count(&mut self, world: &World, starter: &Starter) -> Result<(), BenchError> {
        world.desk.play(self.tape.clone(), true, Duration::ZERO);
        let (launch, report) = callgrind::under(&self.launch);
        let mut sandbox = Sandbox::start(&launch, starter, self.event.clone()).await?;
        sandbox.ready().await?;
        sandbox.first_answer().await?;
        sandbox.ready().await?;
        self.did_the_same(world)?;
        sandbox.finish().await?;
        let instructions = callgrind::instructions(&report)?;
        self.samples.instructions.push(instructions);
        Ok(())
    }

    /// What is measured is what was recorded, or it is nothing.
    fn did_the_same(&self, world: &World) -> Result<(), BenchError> {
        let differences = world.desk.differences();
        if differences.is_empty() {
            return Ok(());
        }
        Err(BenchError::Different {
            function: self.launch.name.clone(),
            differences,
        })
    }

    fn row(&self, zips: &BTreeMap<String, u64>) -> Result<Row, BenchError> {
        let function = self.launch.name.clone();
        let figures = self.samples.figures();
        let figures = figures.ok_or_else(|| BenchError::NotMeasured(function.clone()))?;
        Ok(Row {
            figures,
            zip_bytes: zips.get(&function).copied().unwrap_or_default(),
            requests: self.tape.requests(),
            function,
        })
    }
}

/// The sizes of the zips, as `cargo xtask package` makes them.
fn zips(executables: &Path) -> Result<BTreeMap<String, u64>, BenchError> {
    let names = FUNCTIONS.into_iter().chain([FLOOR]);
    let bar = progress(FUNCTIONS.len() + 1);
    names
        .map(|function| {
            bar.set_message(format!("the zip of {function}"));
            let path = executables.join(function);
            let executable = std::fs::read(&path).map_err(BenchError::file(&path))?;
            let zip = archive::zip(&executable).map_err(|source| BenchError::Zip {
                function: function.to_owned(),
                source,
            })?;
            bar.inc(1);
            let size = u64::try_from(zip.len()).unwrap_or(u64::MAX);
            Ok((function.to_owned(), size))
        })
        .collect()
}

fn progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    // The template is a constant; without it the bar is a plain one.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({eta} left)") {
        bar.set_style(style);
    }
    bar
}
