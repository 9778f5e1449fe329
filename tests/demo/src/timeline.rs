//! The picture of a run: when each credential was accepted, what each dyno ran with, and that
//! logins never stopped.
//!
//! What is drawn is computed first ([`Chart`]), in seconds; `draw` turns it into SVG.

mod draw;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use local_cloud::customers::{SLICE, Tally};

use super::history::{AppHistory, Credential, History, Rotation};
use super::recording::{Outcome, Recording};
use super::verdict::{Verdict, short, thousands};

/// The picture, as an SVG document.
pub(crate) fn svg(recording: &Recording) -> String {
    draw::draw(&Chart::of(recording)).to_string()
}

/// What is drawn. Times are seconds since the customers began to log in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chart {
    title: String,
    /// The verdict is bad.
    failed: bool,
    /// What was played, when, and where.
    setting: String,
    /// The time of the run's end.
    end: f64,
    instances: Vec<InstanceChart>,
}

/// An add-on instance.
#[derive(Clone, Debug, PartialEq)]
struct InstanceChart {
    name: String,
    kind: String,
    summary: String,
    /// A login came to nothing.
    lost: bool,
    bars: Vec<Bar>,
    apps: Vec<AppChart>,
}

/// A credential's life. What was before the picture or is still to come has the picture's ends.
#[derive(Clone, Debug, PartialEq)]
struct Bar {
    /// `imported`, `first`, `second` and so on.
    name: String,
    /// The version's first eight characters.
    id: String,
    /// When its rotation began, and what started it.
    trigger: Option<(f64, &'static str)>,
    /// From when the service accepts it.
    issued: f64,
    /// When Heroku's config got it.
    published: Option<f64>,
    /// From when it is AWSCURRENT.
    current: f64,
    /// From when another one is.
    superseded: f64,
    /// From when the service refuses it.
    ended: Option<f64>,
    /// It should have ended, and is accepted.
    overdue: bool,
}

/// An app.
#[derive(Clone, Debug, PartialEq)]
struct AppChart {
    name: String,
    /// Its releases, and what is particular about it.
    notes: Vec<String>,
    logins: Vec<Logins>,
    dynos: Vec<DynoChart>,
}

/// The logins that ended in one slice of time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Logins {
    /// The slice's middle.
    at: f64,
    accepted: bool,
    /// At least one came to nothing.
    lost: bool,
}

/// A dyno.
#[derive(Clone, Debug, PartialEq)]
struct DynoChart {
    name: String,
    stretches: Vec<Stretch>,
}

/// A time in which a dyno runs with one credential.
#[derive(Clone, Debug, PartialEq)]
struct Stretch {
    from: f64,
    to: f64,
    /// The bar of the credential.
    bar: usize,
    /// It is restarting, and until that is over runs with what it had.
    restarting: bool,
}

/// Time on the chart.
#[derive(Clone, Copy)]
struct Clock {
    began: Timestamp,
    end: f64,
}

impl Clock {
    fn seconds(self, at: Timestamp) -> f64 {
        at.duration_since(self.began)
            .as_secs_f64()
            .clamp(0.0, self.end)
    }

    fn or_end(self, at: Option<Timestamp>) -> f64 {
        at.map_or(self.end, |at| self.seconds(at))
    }
}

impl Chart {
    fn of(recording: &Recording) -> Self {
        let end = recording
            .ended
            .duration_since(recording.began)
            .as_secs_f64();
        let clock = Clock {
            began: recording.began,
            end,
        };
        let instances = recording
            .outcomes
            .iter()
            .map(|outcome| InstanceChart::of(recording, outcome, clock));
        let instances: Vec<_> = instances.collect();
        let bars = instances.iter().flat_map(|it| &it.bars);
        let rotations = bars.filter(|it| it.published.is_some()).count();
        let logins = recording.outcomes.iter().flat_map(|it| it.logins.values());
        let (accepted, refused) = sum(logins);
        let failed = !Verdict::of(recording).passed();
        Self {
            title: format!(
                "{rotations} rotations, {} logins, {refused} refused{}",
                thousands(accepted + refused),
                if failed { " — verdict: failed" } else { "" }
            ),
            failed,
            setting: format!(
                "{} add-ons on a local cloud, {}; grace period {} s in place of two hours",
                instances.len(),
                recording.began.strftime("%Y-%m-%d %H:%M UTC"),
                recording.grace_period.as_secs()
            ),
            end,
            instances,
        }
    }
}

impl InstanceChart {
    fn of(recording: &Recording, outcome: &Outcome, clock: Clock) -> Self {
        let history = History::of(&outcome.subject, &recording.events);
        let (accepted, refused) = sum(outcome.logins.values());
        let bars = history.credentials.iter().enumerate();
        let bars = bars.map(|(index, credential)| {
            let is_its = |it: &&Rotation| it.version == credential.version;
            let rotation = history.rotations.iter().find(is_its);
            let tried = outcome.tried_again.get(&credential.version);
            let accepted = tried.is_some_and(|tally| tally.accepted > 0);
            Bar::of(index, credential, rotation, accepted, clock)
        });
        let apps = history.apps.iter().zip(&outcome.subject.apps);
        let apps = apps.map(|(app, known)| {
            let releases = app.releases.iter().filter(|it| it.at >= recording.began);
            let releases: Vec<_> = releases.map(|it| format!("v{}", it.number)).collect();
            let plural = if releases.len() > 1 { "s" } else { "" };
            let releases = format!("release{plural} {}", releases.join(", "));
            let note = known.note.map(ToOwned::to_owned);
            let tally = outcome.logins.get(&app.name);
            let dynos = known.dynos.iter();
            AppChart {
                name: app.name.clone(),
                notes: std::iter::once(releases).chain(note).collect(),
                logins: tally.map_or_else(Vec::new, |tally| logins(tally, clock)),
                dynos: dynos.map(|dyno| DynoChart::of(dyno, app, clock)).collect(),
            }
        });
        let apps: Vec<_> = apps.collect();
        Self {
            name: outcome.subject.name.clone(),
            kind: outcome.subject.kind.clone(),
            summary: format!("{} logins accepted, {refused} refused", thousands(accepted)),
            lost: apps.iter().any(|app| app.logins.iter().any(|it| it.lost)),
            bars: bars.collect(),
            apps,
        }
    }
}

impl Bar {
    /// `accepted`: the service took it after all that was done to end it.
    fn of(
        index: usize,
        credential: &Credential,
        rotation: Option<&Rotation>,
        accepted: bool,
        clock: Clock,
    ) -> Self {
        let seconds = |at| clock.seconds(at);
        let ended = credential.revoked.filter(|_| !accepted).map(seconds);
        let last = ended.unwrap_or(clock.end);
        let is_over =
            |(_, due): (_, Timestamp)| due.duration_since(clock.began).as_secs_f64() <= clock.end;
        Self {
            name: ordinal(index),
            id: short(&credential.version).to_owned(),
            trigger: rotation.map(|it| (clock.seconds(it.started), cause(&it.cause))),
            issued: credential.issued.map_or(0.0, seconds),
            published: rotation.and_then(|it| it.published).map(seconds),
            current: clock.or_end(credential.current).min(last),
            superseded: clock.or_end(credential.superseded).min(last),
            ended,
            overdue: ended.is_none()
                && credential.superseded.is_some()
                && (accepted || credential.scheduled.is_none_or(is_over)),
        }
    }
}

impl DynoChart {
    fn of(dyno: &str, app: &AppHistory, clock: Clock) -> Self {
        let mut stretches: Vec<Stretch> = Vec::new();
        let (mut from, mut bar) = (0.0, 0);
        let mut add = |from: f64, to: f64, bar: usize, restarting: bool| {
            if to > from {
                stretches.push(Stretch {
                    from,
                    to,
                    bar,
                    restarting,
                });
            }
        };
        for restart in app.restarts.iter().filter(|it| it.dyno == dyno) {
            let (began, ended) = (clock.seconds(restart.began), clock.or_end(restart.ended));
            add(from, began, bar, false);
            add(began, ended, bar, true);
            from = ended;
            bar = restart.credential;
        }
        add(from, clock.end, bar, false);
        Self {
            name: dyno.to_owned(),
            stretches,
        }
    }
}

/// The slices of time on the chart in which a login ended.
fn logins(tally: &Tally, clock: Clock) -> Vec<Logins> {
    let slices = tally.slices.iter();
    let slices = slices.map(|(began, slice)| (*began + SLICE / 2, slice));
    slices
        .filter(|(middle, _)| *middle >= clock.began)
        .map(|(middle, slice)| Logins {
            at: clock.seconds(middle),
            accepted: slice.accepted > 0,
            lost: slice.lost > 0,
        })
        .collect()
}

/// How many were accepted, and how many refused.
fn sum<'a>(tallies: impl Iterator<Item = &'a Tally>) -> (u64, u64) {
    tallies.fold((0, 0), |(accepted, refused), it| {
        (accepted + it.accepted, refused + it.refused + it.overtaken)
    })
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
