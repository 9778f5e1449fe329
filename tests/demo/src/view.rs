//! What whoever runs the demo sees while it runs: a line for each event, under the chapters of the story.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use stand_in::events::Event;
use tokio_util::task::AbortOnDropHandle;
use tools::process::OnLine;

use super::history::History;
use super::recording::Subject;

/// How long nothing may be said of what takes long.
const SILENCE: Duration = Duration::from_secs(10);

/// The log. Clones share it.
#[derive(Clone)]
pub(crate) struct View(Arc<Mutex<Told>>);

struct Told {
    /// What the elapsed seconds are counted from.
    zero: Timestamp,
    seen: usize,
    instances: Vec<(Subject, History)>,
}

impl View {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Told {
            zero: Timestamp::now(),
            seen: 0,
            instances: Vec::new(),
        })))
    }

    /// Counts the elapsed seconds from `zero` on, and tells what happens to `subjects` after these events.
    pub(crate) fn follow(&self, zero: Timestamp, subjects: &[Subject], events: &[Event]) {
        let instance = |it: &Subject| (it.clone(), History::of(it, events));
        *self.0.lock() = Told {
            zero,
            seen: events.len(),
            instances: subjects.iter().map(instance).collect(),
        };
    }

    pub(crate) fn show(&self, events: &[Event]) {
        let mut lines = Vec::new();
        {
            let told = &mut *self.0.lock();
            for event in events.get(told.seen..).unwrap_or_default() {
                let mut instances = told.instances.iter_mut();
                let line = instances.find_map(|(subject, history)| history.add(subject, event));
                lines.extend(line.map(|(who, what)| (event.at, format!("{who:<16} {what}"))));
            }
            told.seen = told.seen.max(events.len());
        }
        for (at, line) in lines {
            self.line(at, &line);
        }
    }

    pub(crate) fn say(&self, text: &str) {
        self.line(Timestamp::now(), text);
    }

    pub(crate) fn chapter(&self, text: &str) {
        self.print("");
        self.say(&format!("▶ {text}"));
    }

    /// A line that begins one of the four phases; the first, building, is told before.
    pub(crate) fn phase(&self, number: u8, text: &str) {
        self.chapter(&format!("{number} of 4  {text}"));
    }

    #[allow(clippy::unused_self)] // whoever has no view has nothing to print
    pub(crate) fn print(&self, text: &str) {
        // Nobody is left to be told that nobody reads it.
        let _ = writeln!(io::stdout().lock(), "{text}");
    }

    /// What is told of the set-up: a line each, and another now and then while it lasts.
    pub(crate) fn progress(&self) -> OnLine {
        let view = self.clone();
        let waiting = Mutex::new(None);
        Arc::new(move |line| {
            view.say(line.trim_end());
            let (view, line) = (view.clone(), line.trim().to_owned());
            let began = Timestamp::now();
            let mut waiting = waiting.lock();
            *waiting = Some(AbortOnDropHandle::new(tokio::spawn(async move {
                let mut ticks = tokio::time::interval(SILENCE);
                ticks.tick().await;
                loop {
                    ticks.tick().await;
                    let seconds = Timestamp::now().duration_since(began).as_secs();
                    view.say(&format!("{line} … {seconds} s"));
                }
            })));
        })
    }

    fn line(&self, at: Timestamp, text: &str) {
        let seconds = at.duration_since(self.0.lock().zero).as_secs_f64();
        self.print(&format!("{seconds:>7.1} s  {text}"));
    }
}
