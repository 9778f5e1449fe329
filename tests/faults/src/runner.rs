//! Many runs, on all processors.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

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
    /// A history.
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

    /// Where it takes place.
    #[must_use]
    pub fn setup(&self) -> Setup {
        match self {
            Self::Case(case) => case.setup,
            Self::Story(story) => story.setup,
        }
    }
}

/// The jobs that nobody has begun, with their places.
type Queue = std::vec::IntoIter<(usize, Job)>;

/// How many runs a thread has under way: most wait for a back-off.
const SIDE_BY_SIDE: usize = 24;

/// Runs the jobs, in any order, and hands over what came of each, with its place among
/// them, as soon as it is known. No further ones are begun once `each` answers false.
///
/// # Errors
/// If a thread or its runtime cannot be started.
pub fn run_all(
    jobs: Vec<Job>,
    servers: &Arc<Servers>,
    mut each: impl FnMut(usize, Job, Outcome) -> bool,
) -> std::io::Result<()> {
    let threads = thread::available_parallelism()?.get();
    let queue = Arc::new(Mutex::new(
        jobs.into_iter().enumerate().collect::<Vec<_>>().into_iter(),
    ));
    let (results, outcomes) = mpsc::channel();
    let mut running = Vec::new();
    for _ in 0..threads {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (queue, results) = (Arc::clone(&queue), results.clone());
        let servers = Arc::clone(servers);
        running.push(thread::spawn(move || {
            let all = LocalSet::new();
            let workers: Vec<_> = (0..SIDE_BY_SIDE)
                .map(|_| {
                    all.spawn_local(work(
                        Arc::clone(&queue),
                        Arc::clone(&servers),
                        results.clone(),
                    ))
                })
                .collect();
            runtime.block_on(all.run_until(async {
                for worker in workers {
                    // A run that panics is a fault of this program, and seen as a missing outcome.
                    let _ = worker.await;
                }
            }));
        }));
    }
    drop(results);
    for (index, job, outcome) in outcomes {
        if !each(index, job, outcome) {
            lock(&queue).by_ref().for_each(drop);
        }
    }
    for thread in running {
        let _ = thread.join();
    }
    Ok(())
}

async fn work(
    queue: Arc<Mutex<Queue>>,
    servers: Arc<Servers>,
    results: mpsc::Sender<(usize, Job, Outcome)>,
) {
    loop {
        let job = lock(&queue).next();
        let Some((index, job)) = job else { return };
        let outcome = job.run(Arc::clone(&servers)).await;
        if results.send((index, job, outcome)).is_err() {
            return;
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
