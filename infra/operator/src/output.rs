//! What a command says: for people, with colours on a terminal, or for programs.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use console::Style;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::OperatorError;
use crate::time;

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is done.
    Done,
    /// Something to know.
    Note,
    /// It failed.
    Failed,
}

/// Where a command's words go.
pub struct Output {
    json: bool,
    styled: bool,
    sink: Mutex<Box<dyn Write + Send>>,
}

impl Output {
    /// Standard output. Colours are for a terminal, unless `NO_COLOR` is set.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self {
            styled: console::colors_enabled() && !json,
            ..Self::to(io::stdout(), json)
        }
    }

    /// Somewhere else, without colours.
    pub fn to(sink: impl Write + Send + 'static, json: bool) -> Self {
        Self {
            json,
            styled: false,
            sink: Mutex::new(Box::new(sink)),
        }
    }

    /// Whether programs read it.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether it has colours.
    #[must_use]
    pub fn is_styled(&self) -> bool {
        self.styled
    }

    /// Says what became of a step.
    pub fn step(&self, step: &str, mark: Mark, message: &str) {
        if self.json {
            let outcome = match mark {
                Mark::Done => "done",
                Mark::Note => "note",
                Mark::Failed => "failed",
            };
            self.object(&json!({ "step": step, "outcome": outcome, "message": message }));
            return;
        }
        let (sign, style) = match mark {
            Mark::Done => ("✓", Style::new().green()),
            Mark::Note => ("·", Style::new().dim()),
            Mark::Failed => ("✗", Style::new().red()),
        };
        let sign = style.force_styling(self.styled).apply_to(sign);
        self.line(&format!("{sign} {step}: {message}"));
    }

    /// Writes a line for people.
    pub fn line(&self, line: &str) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever listened has gone: what is under way goes on.
        let _ = writeln!(sink, "{line}");
        let _ = sink.flush();
    }

    /// Writes an object for programs, in one line.
    pub fn object(&self, object: &Value) {
        self.line(&object.to_string());
    }

    /// Says on standard error why the command failed.
    pub fn error(&self, error: &OperatorError) {
        let word = Style::new().red().bold().for_stderr().apply_to("error:");
        let _ = writeln!(io::stderr(), "{word} {error}");
        if self.json {
            self.object(&json!({ "error": error.to_string(), "status": error.status() }));
        }
    }

    /// A bar on standard error, if that is a terminal, for so many things.
    #[must_use]
    pub fn progress(&self, count: usize) -> ProgressBar {
        let bar = ProgressBar::new(count as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        bar
    }

    /// Something that turns on standard error, if that is a terminal, as long as one waits.
    #[must_use]
    pub fn spinner(&self, message: String) -> ProgressBar {
        let bar = ProgressBar::new_spinner().with_message(message);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Waits, and shows how long still.
    pub async fn count_down(&self, time: Duration, what: &str) {
        let end = tokio::time::Instant::now() + time;
        let bar = self.spinner(String::new());
        loop {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                bar.finish_and_clear();
                return;
            }
            bar.set_message(format!("{what}: {} left", time::words(left)));
            tokio::time::sleep(left.min(Duration::from_secs(1))).await;
        }
    }
}
