//! A credential's bar: from its issue to its end.

use jiff::Timestamp;

use super::canvas::{Canvas, INDENT, LEFT, RIGHT, breadth, line};
use crate::history::{Credential, Instance};
use crate::verdict::short;

pub(super) const STEP: f64 = 32.0;
const LABEL: f64 = 14.0;
const HEIGHT: f64 = 11.0;

/// A credential's life, in seconds. What was before the picture or is still to come has the picture's ends.
pub(super) struct Bar {
    /// `imported`, `first`, `second` and so on.
    name: String,
    id: String,
    trigger: Option<(f64, &'static str)>,
    issued: f64,
    published: Option<f64>,
    current: f64,
    superseded: f64,
    ended: Option<f64>,
    overdue: bool,
}

impl Bar {
    pub(super) fn of(
        canvas: &Canvas,
        instance: &Instance<'_>,
        index: usize,
        credential: &Credential,
    ) -> Self {
        let seconds = |at| canvas.seconds(at);
        let version = &credential.version;
        let rotations = &instance.history.rotations;
        let rotation = rotations.iter().find(|it| it.version == *version);
        // After all that was done to end it.
        let tried = instance.outcome.tried_again.get(version);
        let accepted = tried.is_some_and(|tally| tally.accepted > 0);
        let ended = credential.revoked.filter(|_| !accepted).map(seconds);
        let last = ended.unwrap_or(canvas.end);
        let is_over = |due: Timestamp| due.duration_since(canvas.began).as_secs_f64() <= canvas.end;
        Self {
            name: ordinal(index),
            id: short(version).to_owned(),
            trigger: rotation.map(|it| (seconds(it.started), cause(&it.cause))),
            issued: credential.issued.map_or(0.0, seconds),
            published: rotation.and_then(|it| it.published).map(seconds),
            current: canvas.or_end(credential.current).min(last),
            superseded: canvas.or_end(credential.superseded).min(last),
            ended,
            overdue: ended.is_none()
                && credential.superseded.is_some()
                && (accepted || credential.due.is_none_or(is_over)),
        }
    }
}

fn cause(cause: &str) -> &'static str {
    match cause {
        "schedule" => "by schedule",
        "RotateSecret" => "rotate now",
        _ => "retried",
    }
}

/// What a version is called: the imported one is before the first.
fn ordinal(index: usize) -> String {
    let names = [
        "imported", "first", "second", "third", "fourth", "fifth", "sixth", "seventh",
    ];
    let name = names.get(index).map(|name| (*name).to_owned());
    name.unwrap_or_else(|| format!("number {index}"))
}

impl Canvas {
    /// Its publication is a line down to the dynos, which end at `bottom`.
    pub(super) fn credential(&mut self, bar: &Bar, colour: &str, top: f64, bottom: f64) {
        let y = top + LABEL;
        if let Some(at) = bar.published {
            let guide = line(self.x(at), y + HEIGHT, bottom);
            self.path(&format!("{colour} guide"), guide);
        }
        self.rectangle(INDENT, y, 10.0, HEIGHT, &format!("{colour} solid"));
        self.text(INDENT + 17.0, y + 10.0, "name", &bar.name);
        self.text(LEFT - 14.0, y + 10.0, "small muted end", &bar.id);
        if let Some((at, _)) = bar.trigger {
            let trigger = line(self.x(at), top + 2.0, y + HEIGHT);
            self.path(&format!("{colour} line"), trigger);
        }
        let end = bar.ended.unwrap_or(self.end);
        for (from, to, phase) in [
            (bar.issued, bar.current, "pending"),
            (bar.current, bar.superseded, "solid"),
            (bar.superseded, end, "grace"),
            (bar.issued, end, "outline"),
        ] {
            self.span(from, to, y, HEIGHT, &format!("{colour} {phase}"));
        }
        for (x, class, text) in self.labels(bar) {
            self.text(x, top + 10.0, &format!("small {class} {colour}"), &text);
        }
    }

    /// The texts above a bar: what started it and how it ended; where there is room between, its phases.
    fn labels(&self, bar: &Bar) -> Vec<(f64, &'static str, String)> {
        let ending = match bar.ended {
            Some(at) => Some((at, "muted end", format!("ended at {at:.1} s"))),
            None if bar.overdue => Some((self.end, "alarm end", "still accepted".to_owned())),
            None => None,
        };
        let mut labels = Vec::new();
        let (mut left, mut right) = (LEFT, RIGHT);
        let room = ending.as_ref().map_or(0.0, |(_, _, text)| breadth(text));
        if let Some((at, cause)) = bar.trigger {
            let x = (self.x(at) + 4.0).min(RIGHT - room - breadth(cause));
            left = x + breadth(cause);
            labels.push((x, "cause", cause.to_owned()));
        }
        if let Some((at, class, text)) = ending {
            let x = self.x(at).max(left + room);
            right = x - room;
            labels.push((x, class, text));
        }
        let over = bar.ended.unwrap_or(bar.superseded);
        for (from, to, phase) in [
            (bar.current, bar.superseded, "current (AWSCURRENT)"),
            (bar.superseded, over, "grace period: still accepted"),
        ] {
            let (from, to) = (self.x(from).max(left), self.x(to).min(right));
            if to - from >= breadth(phase) {
                labels.push((f64::midpoint(from, to), "muted middle", phase.to_owned()));
            }
        }
        labels
    }
}
