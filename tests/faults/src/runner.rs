//! Many runs, on all processors.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::task::LocalSet;

use crate::run::{Case, Outcome, run};

/// How many runs a thread has under way: most wait for a back-off.
const SIDE_BY_SIDE: usize = 24;

/// Runs the cases, in any order, and hands over what came of each as soon as it is known.
///
/// # Errors
/// If a thread or its runtime cannot be started.
pub fn run_all(cases: Vec<Case>, mut each: impl FnMut(Case, Outcome)) -> std::io::Result<()> {
    let threads = thread::available_parallelism()?.get();
    let queue = Arc::new(Mutex::new(cases.into_iter()));
    let (results, outcomes) = mpsc::channel();
    let mut running = Vec::new();
    for _ in 0..threads {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (queue, results) = (Arc::clone(&queue), results.clone());
        running.push(thread::spawn(move || {
            let all = LocalSet::new();
            let workers: Vec<_> = (0..SIDE_BY_SIDE)
                .map(|_| all.spawn_local(work(Arc::clone(&queue), results.clone())))
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
    for (case, outcome) in outcomes {
        each(case, outcome);
    }
    for thread in running {
        let _ = thread.join();
    }
    Ok(())
}

async fn work(queue: Arc<Mutex<std::vec::IntoIter<Case>>>, results: mpsc::Sender<(Case, Outcome)>) {
    loop {
        let case = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(case) = case else { return };
        let outcome = run(case.clone()).await;
        if results.send((case, outcome)).is_err() {
            return;
        }
    }
}
