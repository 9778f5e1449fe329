//! What whoever runs the demo sees while it runs: a line for each event, and now and then the figures.

mod describe;

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use stand_in::events::EventLog;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;
use tools::process::OnLine;

use self::describe::{Cast, Line};
use super::recording::Subject;
use super::verdict::thousands;

const REFRESH: Duration = Duration::from_millis(200);
/// How long nothing may be said of what takes long.
const SILENCE: Duration = Duration::from_secs(10);
/// How often the figures are told.
const REPORT: Duration = Duration::from_secs(5);
const CHAPTER: &str = "▶ ";

/// The log. Clones share it.
#[derive(Clone)]
pub(crate) struct View(Arc<Mutex<Told>>);

struct Told {
    /// What the elapsed seconds are counted from.
    zero: Timestamp,
    /// While events are followed: what is to be told among them, in its place.
    waiting: Option<Vec<(Timestamp, String)>>,
}

impl View {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Told {
            zero: Timestamp::now(),
            waiting: None,
        })))
    }

    /// Counts the elapsed seconds from `zero` on.
    pub(crate) fn count_from(&self, zero: Timestamp) {
        self.told().zero = zero;
    }

    /// A line with the elapsed seconds.
    pub(crate) fn say(&self, text: &str) {
        self.tell(text.to_owned());
    }

    /// A line that begins a part of the story.
    pub(crate) fn chapter(&self, text: &str) {
        self.tell(format!("{CHAPTER}{text}"));
    }

    /// A line that begins one of the four phases; the first, building, is told before.
    pub(crate) fn phase(&self, number: u8, text: &str) {
        self.tell(format!("{CHAPTER}{number} of 4  {text}"));
    }

    fn tell(&self, text: String) {
        let now = Timestamp::now();
        let mut told = self.told();
        if let Some(waiting) = &mut told.waiting {
            waiting.push((now, text));
        } else {
            drop(told);
            self.line(now, &text);
        }
    }

    /// Text as it is.
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
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Shows what happens to `subjects` from now on, and now and then how many logins were accepted and refused.
    pub(crate) fn follow<'a>(
        &self,
        subjects: &'a [Subject],
        events: &'a EventLog,
        logins: impl Fn() -> (u64, u64) + 'a,
    ) -> Live<'a> {
        self.told().waiting = Some(Vec::new());
        Live {
            view: self.clone(),
            subjects,
            events,
            logins: Box::new(logins),
            seen: events.since(0).len(),
            reported: Timestamp::now(),
        }
    }

    fn line(&self, at: Timestamp, text: &str) {
        if text.starts_with(CHAPTER) {
            self.print("");
        }
        self.print(&format!("{:>7.1} s  {text}", self.seconds(at)));
    }

    fn seconds(&self, at: Timestamp) -> f64 {
        at.duration_since(self.told().zero).as_secs_f64()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The view of a run.
pub(crate) struct Live<'a> {
    view: View,
    subjects: &'a [Subject],
    events: &'a EventLog,
    logins: Box<dyn Fn() -> (u64, u64) + 'a>,
    seen: usize,
    reported: Timestamp,
}

impl Live<'_> {
    /// Keeps up with the events for ever.
    pub(crate) async fn run(&mut self) -> Infallible {
        let mut ticks = tokio::time::interval(REFRESH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.catch_up();
        }
    }

    /// Shows what has happened up to now.
    pub(crate) fn catch_up(&mut self) {
        let events = self.events.since(0);
        let cast = Cast::new(self.subjects.iter());
        let waiting = self.view.told().waiting.as_mut().map(std::mem::take);
        let mut lines = waiting.unwrap_or_default();
        for event in events.get(self.seen..).unwrap_or_default() {
            let line = cast.describe(&event.kind, |at| self.view.seconds(at));
            if let Some(Line { who, what }) = line {
                lines.push((event.at, format!("{who}  {what}")));
            }
        }
        lines.sort_by_key(|(at, _)| *at);
        for (at, line) in lines {
            self.view.line(at, &line);
        }
        self.seen = events.len();
        if Timestamp::now()
            .duration_since(self.reported)
            .unsigned_abs()
            >= REPORT
        {
            self.reported = Timestamp::now();
            let (accepted, refused) = (self.logins)();
            let (accepted, refused) = (thousands(accepted), thousands(refused));
            let figures = format!("· {accepted} logins accepted, {refused} refused");
            self.view.line(self.reported, &figures);
        }
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.view.told().waiting = None;
    }
}
