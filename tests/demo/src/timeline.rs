//! The picture of a run: when each credential was accepted, what each dyno ran with, and when it
//! restarted.
//!
//! What is drawn is computed first ([`Chart`]), in seconds; `draw` turns it into SVG.

mod draw;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use super::history::{AppHistory, Credential, History};
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
    subtitle: String,
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
    bars: Vec<Bar>,
    publications: Vec<Publication>,
    apps: Vec<AppChart>,
}

/// A credential's life. What was before the picture or is still to come has the picture's ends.
#[derive(Clone, Debug, PartialEq)]
struct Bar {
    /// The version's first eight characters.
    label: String,
    imported: bool,
    /// From when the service accepts it.
    issued: f64,
    /// From when it is AWSCURRENT.
    current: f64,
    /// From when another one is.
    superseded: f64,
    /// When its revocation is due.
    due: Option<f64>,
    /// From when the service refuses it.
    revoked: Option<f64>,
}

/// A change of Heroku's config.
#[derive(Clone, Debug, PartialEq)]
struct Publication {
    at: f64,
    /// The bar that it makes the apps use.
    bar: usize,
    /// What started the rotation.
    cause: &'static str,
}

/// An app.
#[derive(Clone, Debug, PartialEq)]
struct AppChart {
    name: String,
    note: Option<&'static str>,
    releases: Vec<(f64, u32)>,
    dynos: Vec<DynoChart>,
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
        let instances: Vec<_> = recording
            .outcomes
            .iter()
            .map(|outcome| InstanceChart::of(recording, outcome, clock))
            .collect();
        let rotations: usize = instances.iter().map(|it| it.publications.len()).sum();
        let logins = recording.outcomes.iter().flat_map(|it| it.logins.values());
        let (accepted, refused) = logins.fold((0, 0), |(accepted, refused), tally| {
            (
                accepted + tally.accepted,
                refused + tally.refused + tally.overtaken,
            )
        });
        let outcome = if Verdict::of(recording).passed() {
            ""
        } else {
            " — verdict: failed"
        };
        Self {
            title: format!(
                "{rotations} rotations, {} logins, {refused} refused{outcome}",
                thousands(accepted + refused)
            ),
            subtitle: format!(
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
        let publications = history
            .rotations
            .iter()
            .filter_map(|rotation| {
                let is_its = |it: &Credential| it.version == rotation.version;
                Some(Publication {
                    at: clock.seconds(rotation.published?),
                    bar: history.credentials.iter().position(is_its)?,
                    cause: cause(&rotation.cause),
                })
            })
            .collect();
        let (mut accepted, mut refused) = (0, 0);
        for tally in outcome.logins.values() {
            accepted += tally.accepted;
            refused += tally.refused + tally.overtaken;
        }
        let apps = history.apps.iter().zip(&outcome.subject.apps);
        Self {
            name: outcome.subject.name.clone(),
            kind: outcome.subject.kind.clone(),
            summary: format!("{} logins accepted, {refused} refused", thousands(accepted)),
            bars: history
                .credentials
                .iter()
                .enumerate()
                .map(|(index, credential)| {
                    let tried = outcome.tried_again.get(&credential.version);
                    let accepted = tried.is_some_and(|tally| tally.accepted > 0);
                    Bar::of(credential, index == 0, accepted, clock)
                })
                .collect(),
            publications,
            apps: apps
                .map(|(app, known)| AppChart {
                    name: app.name.clone(),
                    note: known.note,
                    releases: app
                        .releases
                        .iter()
                        .filter(|it| it.at >= recording.began)
                        .map(|it| (clock.seconds(it.at), it.number))
                        .collect(),
                    dynos: known
                        .dynos
                        .iter()
                        .map(|dyno| DynoChart::of(dyno, app, clock))
                        .collect(),
                })
                .collect(),
        }
    }
}

impl Bar {
    /// `accepted`: the service took it after all that was done to end it.
    fn of(credential: &Credential, imported: bool, accepted: bool, clock: Clock) -> Self {
        let revoked = credential.revoked.filter(|_| !accepted);
        let revoked = revoked.map(|at| clock.seconds(at));
        let last = revoked.unwrap_or(clock.end);
        Self {
            label: short(&credential.version).to_owned(),
            imported,
            issued: credential.issued.map_or(0.0, |at| clock.seconds(at)),
            current: clock.or_end(credential.current).min(last),
            superseded: clock.or_end(credential.superseded).min(last),
            due: credential.scheduled.map(|(_, due)| clock.seconds(due)),
            revoked,
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

fn cause(cause: &str) -> &'static str {
    match cause {
        "schedule" => "by schedule",
        "RotateSecret" => "rotate now",
        _ => "retried",
    }
}
