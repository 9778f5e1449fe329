//! The one thread that starts all processes.
//!
//! Linux sends the parent-death signal when the *thread* that started the child ends. Threads of
//! a runtime come and go; this one lives as long as the process.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Job {
    command: Command,
    runtime: Handle,
    answer: oneshot::Sender<io::Result<Child>>,
}

/// Starts the command on the spawning thread; the child belongs to the caller's runtime.
pub(super) async fn spawn(command: Command) -> io::Result<Child> {
    let (answer, child) = oneshot::channel();
    let job = Job {
        command,
        runtime: Handle::current(),
        answer,
    };
    let gone = || io::Error::other("the thread that starts processes is gone");
    jobs()?.send(job).map_err(|_| gone())?;
    child.await.map_err(|_| gone())?
}

fn jobs() -> io::Result<mpsc::Sender<Job>> {
    static JOBS: OnceLock<Option<mpsc::Sender<Job>>> = OnceLock::new();
    JOBS.get_or_init(|| {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for mut job in queue {
                    let child = {
                        let _runtime = job.runtime.enter();
                        // If the caller no longer waits, the child must not outlive its answer.
                        job.command.kill_on_drop(true).spawn()
                    };
                    let _ = job.answer.send(child);
                }
            })
            .ok()
            .map(|_| jobs)
    })
    .clone()
    .ok_or_else(|| io::Error::other("cannot start the thread that starts processes"))
}
