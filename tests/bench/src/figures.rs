//! What is measured, and what is made of it.

use std::time::Duration;

use serde::Serialize;

/// All measurements of one function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) init: Vec<Duration>,
    pub(crate) cold: Vec<Duration>,
    pub(crate) warm: Vec<Duration>,
    pub(crate) memory: Vec<u64>,
    pub(crate) instructions: Vec<u64>,
}

/// The medians.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figures {
    /// From the process's start until it asks for an event, in milliseconds.
    pub(crate) init_ms: f64,
    /// From the process's start until the first answer, in milliseconds.
    pub(crate) cold_ms: f64,
    /// From an event to its answer in a process that has answered before, in milliseconds.
    pub(crate) warm_ms: f64,
    /// The most memory that was resident until the first answer, in bytes.
    pub(crate) memory_bytes: u64,
    /// The instructions from the process's start to the first answer; none without valgrind.
    pub(crate) instructions: Option<u64>,
}

impl Samples {
    /// The medians, `None` if nothing was measured.
    pub(crate) fn figures(&self) -> Option<Figures> {
        let millis = |times: &[Duration]| Some(median(times)?.as_secs_f64() * 1e3);
        Some(Figures {
            init_ms: millis(&self.init)?,
            cold_ms: millis(&self.cold)?,
            warm_ms: millis(&self.warm)?,
            memory_bytes: median(&self.memory)?,
            instructions: median(&self.instructions),
        })
    }
}

/// The median; of an even number, the lower of the two in the middle: a value that was measured.
fn median<T: Copy + Ord>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_what_lies_far_out() {
        assert_eq!(median::<u64>(&[]), None);
        assert_eq!(median(&[7]), Some(7));
        assert_eq!(median(&[1000, 1, 2]), Some(2));
        assert_eq!(median(&[4, 1000, 3, 1]), Some(3));
    }

    #[test]
    fn figures_are_in_the_units_that_they_say() {
        let mut samples = Samples {
            init: vec![Duration::from_micros(1500)],
            cold: vec![Duration::from_millis(3)],
            warm: vec![Duration::from_micros(250)],
            ..Samples::default()
        };
        assert!(samples.figures().is_none(), "nothing without the memory");
        samples.memory = vec![4096];
        let figures = samples.figures().unwrap();
        let millis = [figures.init_ms, figures.cold_ms, figures.warm_ms];
        assert_eq!(
            millis.map(|it| format!("{it:.2}")),
            ["1.50", "3.00", "0.25"]
        );
        assert_eq!(figures.instructions, None);
    }
}
