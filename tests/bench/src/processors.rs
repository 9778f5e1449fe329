//! One processor for the functions, as Lambda gives them, and the others for everything else here.

use std::sync::mpsc;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Calls this thread's own affinity.
const THIS: Pid = Pid::from_raw(0);

/// Keeps this process off the functions' processor, if there is another. Threads that it starts later
/// follow those that start them. Gives the functions' processor.
pub(crate) fn divide() -> Result<usize, Errno> {
    let all = sched_getaffinity(THIS)?;
    let usable: Vec<usize> = (0..CpuSet::count())
        .filter(|it| all.is_set(*it).unwrap_or_default())
        .collect();
    let (last, others) = usable.split_last().ok_or(Errno::EINVAL)?;
    if !others.is_empty() {
        let mut set = CpuSet::new();
        for processor in others {
            set.set(*processor)?;
        }
        for thread in threads() {
            match sched_setaffinity(thread, &set) {
                // It has ended since.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(*last)
}

fn threads() -> Vec<Pid> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    tasks
        .filter_map(|task| {
            Some(Pid::from_raw(
                task.ok()?.file_name().to_str()?.parse().ok()?,
            ))
        })
        .collect()
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread on the functions' processor: what it starts stays there.
#[derive(Clone)]
pub(crate) struct Starter(mpsc::Sender<Job>);

impl Starter {
    pub(crate) fn on(processor: usize) -> Result<Self, Errno> {
        let mut set = CpuSet::new();
        set.set(processor)?;
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            if sched_setaffinity(THIS, &set).is_ok() {
                for job in queue {
                    job();
                }
            }
        });
        Ok(Self(jobs))
    }

    /// Runs something there, `None` if the thread could not get to its processor.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, result) = tokio::sync::oneshot::channel();
        let job = Box::new(move || {
            let _ = answer.send(work());
        });
        self.0.send(job).ok()?;
        result.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_started_stays_on_its_processor() {
        let all = sched_getaffinity(THIS).unwrap();
        let processor = (0..CpuSet::count()).find(|it| all.is_set(*it).unwrap());
        let starter = Starter::on(processor.unwrap()).unwrap();
        let command = || std::process::Command::new("nproc").output();
        let output = starter.run(command).await.unwrap().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "1");
    }
}
