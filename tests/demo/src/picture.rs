//! The picture of a run: when each credential was accepted, what each dyno ran with, and that
//! logins never stopped.

mod canvas;
mod credential;
#[cfg(test)]
mod tests;

use local_cloud::customers::{SLICE, SliceTally, Tally};

use self::canvas::{Canvas, INDENT, LEFT, MARGIN, RIGHT, WIDTH, count, line, ticks};
use self::credential::Bar;
use super::history::{AppHistory, Instance};
use super::recording::{App, Recording};
use super::verdict::{Verdict, thousands};

const HEADER: f64 = 128.0;
const INSTANCE_HEADER: f64 = 34.0;
/// Between the credentials and the apps.
const APPS: f64 = 8.0;
const LOGINS: f64 = 17.0;
const DYNO: f64 = 9.0;
const DYNO_STEP: f64 = 13.0;
const GAP: f64 = 10.0;
const FOOTER: f64 = 52.0;

/// The imported credential's is `c0`; then each version's.
const COLOURS: usize = 6;

pub(crate) fn svg(recording: &Recording) -> String {
    let instances = recording.instances();
    let failed = !Verdict::of(recording).passed();
    let title = title(recording, &instances, failed);
    let setting = format!(
        "{} add-ons on a local cloud, {}; grace period {} s in place of two hours",
        instances.len(),
        recording.began.strftime("%Y-%m-%d %H:%M UTC"),
        recording.grace_period.as_secs()
    );
    let panels: f64 = instances.iter().map(|it| height(it) + GAP).sum();
    let mut canvas = Canvas::new(recording, HEADER + panels + FOOTER, &title, &setting);
    let class = if failed { "title alarm" } else { "title" };
    canvas.text(INDENT, 40.0, class, &title);
    for (y, line) in [
        (
            62.0,
            "Every dyno logs in all the time. A rotation publishes a new credential, and the dynos restart with it, one by one.",
        ),
        (
            78.0,
            "The old credential is accepted until its grace period is over. A dyno's colour is the credential that it runs with.",
        ),
    ] {
        canvas.text(INDENT, y, "muted", line);
    }
    canvas.legend(106.0);
    let mut top = HEADER;
    for instance in &instances {
        canvas.panel(instance, top);
        top += height(instance) + GAP;
    }
    for at in canvas.ticks() {
        let time = format!("{at:.0} s");
        canvas.text(canvas.x(at), top + 8.0, "small muted middle", &time);
    }
    canvas.text(INDENT, top + 8.0, "small muted", "since the first login");
    canvas.text(INDENT, top + 32.0, "small muted", &setting);
    canvas.into_svg()
}

fn title(recording: &Recording, instances: &[Instance<'_>], failed: bool) -> String {
    let rotations = instances.iter().flat_map(|it| &it.history.rotations);
    let rotations = rotations.filter(|it| it.published.is_some()).count();
    let logins = recording.outcomes.iter().flat_map(|it| it.logins.values());
    let (accepted, refused) = sum(logins);
    let logins = thousands(accepted + refused);
    let verdict = if failed { " — verdict: failed" } else { "" };
    format!("{rotations} rotations, {logins} logins, {refused} refused{verdict}")
}

fn sum<'a>(tallies: impl Iterator<Item = &'a Tally>) -> (u64, u64) {
    tallies.fold((0, 0), |(accepted, refused), it| {
        (accepted + it.accepted, refused + it.refused + it.overtaken)
    })
}

fn height(instance: &Instance<'_>) -> f64 {
    let apps = &instance.outcome.subject.apps;
    let apps: f64 = apps.iter().map(app_height).sum();
    let bars = instance.history.credentials.len();
    INSTANCE_HEADER + credential::STEP * count(bars) + APPS + apps
}

fn app_height(app: &App) -> f64 {
    // Its releases are a line as well.
    let notes = 1 + usize::from(app.note.is_some());
    LOGINS + DYNO_STEP * count(app.dynos.len().max(notes)) + 8.0
}

fn colour(credential: usize) -> String {
    format!("c{}", credential % COLOURS)
}

impl Canvas {
    fn panel(&mut self, instance: &Instance<'_>, top: f64) {
        let bottom = top + height(instance);
        self.rectangle(MARGIN, top, WIDTH - 2.0 * MARGIN, bottom - top, "panel");
        let first = top + INSTANCE_HEADER;
        let grid = self.ticks();
        let grid = grid
            .iter()
            .map(|at| line(self.x(*at), first - 4.0, bottom - 6.0));
        self.path("grid", grid.collect());
        self.heading(instance, top + 22.0);
        let mut y = first;
        for (index, credential) in instance.history.credentials.iter().enumerate() {
            let bar = Bar::of(self, instance, index, credential);
            self.credential(&bar, &colour(index), y, bottom - 6.0);
            y += credential::STEP;
        }
        y += APPS;
        let apps = instance.history.apps.iter();
        for (history, app) in apps.zip(&instance.outcome.subject.apps) {
            self.app(app, history, instance.outcome.logins.get(&app.name), y);
            y += app_height(app);
        }
    }

    fn heading(&mut self, instance: &Instance<'_>, y: f64) {
        let (subject, logins) = (&instance.outcome.subject, &instance.outcome.logins);
        self.text(INDENT, y, "name", &subject.name);
        self.text(LEFT, y, "small muted", &subject.kind);
        let has_lost = |tally| self.slices(tally).any(|(_, slice)| slice.lost > 0);
        let lost = logins.values().any(has_lost);
        let class = if lost {
            "small alarm end"
        } else {
            "small muted end"
        };
        let (accepted, refused) = sum(logins.values());
        let summary = format!("{} logins accepted, {refused} refused", thousands(accepted));
        self.text(RIGHT, y, class, &summary);
    }

    fn app(&mut self, app: &App, history: &AppHistory, logins: Option<&Tally>, top: f64) {
        let middle = top + LOGINS / 2.0;
        self.text(INDENT, middle + 4.0, "name", &app.name);
        self.text(LEFT - 14.0, middle + 4.0, "small muted end", "logins");
        let slices = || logins.into_iter().flat_map(|it| self.slices(it));
        let accepted = slices().filter(|(_, slice)| slice.accepted > 0);
        let accepted = ticks(accepted.map(|(at, _)| self.x(at)), middle, 3.0);
        let lost = slices().filter(|(_, slice)| slice.lost > 0);
        let lost = ticks(lost.map(|(at, _)| self.x(at)), middle, 7.0);
        self.path("accepted", accepted);
        self.path("lost", lost);
        let releases = history.releases.iter().filter(|it| it.at >= self.began);
        let releases: Vec<_> = releases.map(|it| format!("v{}", it.number)).collect();
        let plural = if releases.len() > 1 { "s" } else { "" };
        let releases = format!("release{plural} {}", releases.join(", "));
        let row = |index| top + LOGINS + DYNO_STEP * count(index);
        for (index, note) in [releases.as_str()].into_iter().chain(app.note).enumerate() {
            self.text(INDENT, row(index) + 9.0, "small muted", note);
        }
        for (index, dyno) in app.dynos.iter().enumerate() {
            self.dyno(dyno, history, row(index));
        }
    }

    /// The slices of time on the picture in which a login ended, each by its middle.
    fn slices<'a>(&'a self, tally: &'a Tally) -> impl Iterator<Item = (f64, &'a SliceTally)> {
        let slices = tally.slices.iter();
        let slices = slices.map(|(began, slice)| (*began + SLICE / 2, slice));
        slices
            .filter(|(middle, _)| *middle >= self.began)
            .map(|(middle, slice)| (self.seconds(middle), slice))
    }

    /// A dyno, in the colours of what it runs with: until a restart is over, what it had.
    fn dyno(&mut self, dyno: &str, app: &AppHistory, y: f64) {
        self.text(LEFT - 14.0, y + 9.0, "small muted end", dyno);
        let (mut from, mut runs_with) = (0.0, 0);
        for restart in app.restarts.iter().filter(|it| it.dyno == dyno) {
            let (began, ended) = (self.seconds(restart.began), self.or_end(restart.ended));
            let class = format!("{} solid", colour(runs_with));
            self.span(from, began, y, DYNO, &class);
            self.span(began, ended, y, DYNO, &class);
            self.span(began, ended, y, DYNO, "restart");
            (from, runs_with) = (ended, restart.credential);
        }
        let class = format!("{} solid", colour(runs_with));
        self.span(from, self.end, y, DYNO, &class);
    }
}
