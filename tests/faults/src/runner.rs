//! Many runs, on all processors.

use std::sync::{Arc, mpsc};
use std::thread;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

use crate::engine::Servers;
use crate::run::{Case, Outcome, run};
use crate::story::Story;
use crate::story::tell::tell;
use crate::world::Setup;

/// What to run. Written down, it can be replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// A rotation and its revocation, with faults at known requests.
    Case(Case),
    Story(Story),
}

impl Job {
    /// Runs it, within a [`LocalSet`].
    pub async fn run(&self, servers: Arc<Servers>) -> Outcome {
        match self {
            Self::Case(case) => run(case, servers).await,
            Self::Story(story) => tell(story, servers).await,
        }
    }

    pub fn setup(&self) -> Setup {
        match self {
            Self::Case(case) => case.setup,
            Self::Story(story) => story.setup,
        }
    }
}

type Queue = std::vec::IntoIter<(usize, Job)>;

/// How many runs each processor has under way: most wait for a back-off.
const SIDE_BY_SIDE: usize = 24;

/// More files than a run ever has open at once, its servers' ends of connections counted; about 32 is usual.
const FILES: u64 = 80;

/// As many as all systems grant.
const FILES_AT_MOST: u64 = 10_240;

/// How many runs there are at once: what processors and open files allow.
fn side_by_side() -> std::io::Result<usize> {
    let (limit, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // What a shell grants at first is meant for programs that use `select`.
    let wanted = hard.min(FILES_AT_MOST).max(limit);
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    let by_files = usize::try_from(wanted / FILES).unwrap_or(usize::MAX).max(1);
    let by_processors = thread::available_parallelism()?.get() * SIDE_BY_SIDE;
    Ok(by_processors.min(by_files))
}

/// Runs the jobs, in any order, and hands over what came of each, with its place among
/// them, as soon as it is known. No further ones are begun once `each` answers false.
pub fn run_all(
    jobs: Vec<Job>,
    servers: &Arc<Servers>,
    mut each: impl FnMut(usize, Job, Outcome) -> bool,
) -> std::io::Result<()> {
    let queue = Arc::new(Mutex::new(
        jobs.into_iter().enumerate().collect::<Vec<_>>().into_iter(),
    ));
    let (results, outcomes) = mpsc::channel();
    let mut running = Vec::new();
    for _ in 0..side_by_side()? {
        let (queue, results) = (Arc::clone(&queue), results.clone());
        let servers = Arc::clone(servers);
        running.push(thread::Builder::new().spawn(move || work(&queue, &servers, &results))?);
    }
    drop(results);
    for (index, job, outcome) in outcomes {
        if !each(index, job, outcome) {
            queue.lock().by_ref().for_each(drop);
        }
    }
    let ended: Vec<_> = running.into_iter().map(thread::JoinHandle::join).collect();
    // A run that panics is a fault of this program, and seen as a missing outcome.
    ended.into_iter().flatten().collect()
}

/// Runs jobs until there are none, each with a runtime of its own: with it ends whatever it began,
/// and every connection is closed.
fn work(
    queue: &Mutex<Queue>,
    servers: &Arc<Servers>,
    results: &mpsc::Sender<(usize, Job, Outcome)>,
) -> std::io::Result<()> {
    loop {
        let job = queue.lock().next();
        let Some((index, job)) = job else {
            return Ok(());
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let outcome = LocalSet::new().block_on(&runtime, job.run(Arc::clone(servers)));
        drop(runtime);
        if results.send((index, job, outcome)).is_err() {
            return Ok(());
        }
    }
}
