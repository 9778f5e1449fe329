//! What there is: labels, credentials, config vars, schedules, and who is in the middle of what.

use std::collections::BTreeSet;

/// A version of the secret: 0 is the imported one, 1 and 2 are those of the rotations.
pub(crate) type Version = u8;

/// A late look tells what was before so many changes at most.
const LATE: usize = 2;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Versions(u8);

impl Versions {
    pub(crate) fn has(self, version: Version) -> bool {
        self.0 & (1 << version) != 0
    }

    pub(crate) fn add(&mut self, version: Version) {
        self.0 |= 1 << version;
    }

    pub(crate) fn remove(&mut self, version: Version) {
        self.0 &= !(1 << version);
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Version> {
        (0..3).filter(move |version| self.has(*version))
    }

    pub(crate) fn pop(&mut self) -> Option<Version> {
        let first = self.iter().next()?;
        self.remove(first);
        Some(first)
    }

    pub(crate) fn are_among(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Labels {
    pub(crate) current: Version,
    pub(crate) pending: Option<Version>,
    pub(crate) live: Versions,
}

impl Labels {
    /// The versions that wait for a revocation: labelled, neither current nor pending.
    pub(crate) fn waiting(self) -> Versions {
        let mut waiting = self.live;
        waiting.remove(self.current);
        if let Some(pending) = self.pending {
            waiting.remove(pending);
        }
        waiting
    }
}

/// The event of a revocation's try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Attempt {
    pub(crate) version: Version,
    /// Whether it is a first try, whose name finish-secret and the sweep use too. A later one has a name
    /// that no other has.
    pub(crate) first: bool,
    /// Whether the credential was, or may have been, in use at the one before.
    pub(crate) was_in_use: bool,
}

/// Something that ends when a grace period has passed since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lasting {
    /// Heroku showed the version: dynos may still have it.
    InUse(Version),
    NotDue(Attempt),
}

/// The requests that make a schedule, or move the one of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Making {
    Create,
    /// There is one: `UpdateSchedule`.
    Update,
    /// It has just fired: `CreateSchedule` once more.
    CreateAgain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rotation {
    NotBegun,
    /// createSecret: rotate describes the secret.
    Begin,
    /// rotate stores value and labels.
    Store,
    Issue,
    TryOut,
    /// rotate labels the version that is current until now: create-secret has seen it log in.
    Label,
    Look,
    Publish,
    ReadBack,
    LogIn,
    LookAgain,
    /// finishSecret: rotate describes the secret.
    Finish,
    /// finish-secret schedules the revocation of the version that is current until now. The second is what the
    /// labels said was left behind.
    Schedule(Version, Versions, Making),
    /// finish-secret schedules what was left behind, one after the other.
    ScheduleOthers(Version, Versions),
    /// rotate moves AWSCURRENT.
    Promote(Version, Versions),
    /// Secrets Manager sees that AWSCURRENT has moved, and takes AWSPENDING off.
    Complete,
    /// It is complete, or abandoned.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Step {
    Describe,
    /// It looks whether the first try was scheduled anew.
    IsMoved,
    /// It reads what Heroku shows.
    Look,
    Revoke,
    Prove,
    Detach,
    /// It schedules the next try. Whether this one found the credential in use.
    TryAgain(bool),
    /// It schedules the whole grace period: the credential is in use no more.
    GraceAnew,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Revocation {
    pub(crate) event: Attempt,
    pub(crate) next: Step,
}

impl Revocation {
    pub(crate) fn of(event: Attempt) -> Self {
        Self {
            event,
            next: Step::Describe,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sweep {
    /// It has read the labels: these wait.
    Read(Versions),
    /// It has read the schedules: these have none.
    Found(Versions),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) labels: Labels,
    /// As they were before the last changes, which a look may tell that is late. The latest comes first.
    pub(crate) past: Vec<Labels>,
    pub(crate) accepted: Versions,
    pub(crate) shown: Version,
    /// What dynos may have that Heroku does not show any more.
    pub(crate) recent: Versions,
    pub(crate) releases: [u8; 3],
    /// What lasts a grace period, the oldest first. A schedule that is not due is in it.
    pub(crate) lasting: Vec<Lasting>,
    pub(crate) due: BTreeSet<Attempt>,
    /// The rotations' next requests; the first is no rotation.
    pub(crate) rotations: [Rotation; 3],
    /// The revocations under way, in order.
    pub(crate) revocations: Vec<Revocation>,
    pub(crate) sweep: Option<Sweep>,
    /// How much may still go wrong.
    pub(crate) misfortunes: u8,
}

impl State {
    pub(crate) fn enrolled(misfortunes: u8) -> Self {
        let mut accepted = Versions::default();
        accepted.add(0);
        Self {
            labels: Labels {
                current: 0,
                pending: None,
                live: Versions::default(),
            },
            past: Vec::new(),
            accepted,
            shown: 0,
            recent: Versions::default(),
            releases: [0; 3],
            lasting: Vec::new(),
            due: BTreeSet::new(),
            rotations: [Rotation::Over, Rotation::NotBegun, Rotation::NotBegun],
            revocations: Vec::new(),
            sweep: None,
            misfortunes,
        }
    }

    /// Notes how the labels were before a change, if it was one.
    pub(crate) fn note_past(&mut self, before: Labels) {
        if self.labels != before {
            self.past.insert(0, before);
            self.past.truncate(LATE);
        }
    }

    /// What a look may tell that is late, other than the truth.
    pub(crate) fn late(&self) -> impl Iterator<Item = Labels> {
        let mut late = self.past.clone();
        late.dedup();
        late.retain(|it| *it != self.labels);
        late.into_iter()
    }

    pub(crate) fn show(&mut self, version: Version) {
        if self.shown != version {
            self.recent.add(self.shown);
            self.lasting.push(Lasting::InUse(self.shown));
            // What is shown again is in use from now on.
            self.recent.remove(version);
            self.lasting.retain(|it| *it != Lasting::InUse(version));
            self.shown = version;
        }
    }

    pub(crate) fn schedules(&self) -> impl Iterator<Item = Attempt> {
        let not_due = self.lasting.iter().filter_map(|it| match it {
            Lasting::NotDue(event) => Some(*event),
            Lasting::InUse(_) => None,
        });
        not_due.chain(self.due.iter().copied())
    }

    /// The schedule of a version's first try.
    pub(crate) fn first_try(&self, version: Version) -> Option<Attempt> {
        self.schedules()
            .find(|it| it.first && it.version == version)
    }

    /// Whether the first try of a revocation was scheduled after one of its tries. A later try may be the
    /// younger one of a first try that is due already.
    pub(crate) fn is_moved(&self, event: Attempt) -> bool {
        self.first_try(event.version)
            .is_some_and(|it| event.first || self.lasting.contains(&Lasting::NotDue(it)))
    }

    /// Makes a schedule that is due in minutes: at any time.
    pub(crate) fn schedule_soon(&mut self, event: Attempt) {
        self.due.insert(event);
    }

    /// Makes a schedule that is due after a grace period.
    pub(crate) fn schedule(&mut self, event: Attempt) {
        let entry = Lasting::NotDue(event);
        // One that fires earlier is the stricter: a second of its like says no more.
        if !self.lasting.contains(&entry) {
            self.lasting.push(entry);
        }
    }

    pub(crate) fn unschedule(&mut self, event: Attempt) {
        self.due.remove(&event);
        self.lasting.retain(|it| *it != Lasting::NotDue(event));
    }

    pub(crate) fn deliver(&mut self, event: Attempt) {
        self.revocations.push(Revocation::of(event));
        self.revocations.sort_unstable();
    }

    /// A grace period has passed since the oldest of what lasts one began. No look is so late.
    pub(crate) fn pass_time(&mut self) {
        self.past.clear();
        if self.lasting.is_empty() {
            return;
        }
        match self.lasting.remove(0) {
            Lasting::InUse(version) => self.recent.remove(version),
            Lasting::NotDue(event) => self.schedule_soon(event),
        }
    }

    /// Whether nobody is at work or will be.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.rotations.iter().all(|it| *it == Rotation::Over)
            && self.revocations.is_empty()
            && self.schedules().next().is_none()
            && self.sweep.is_none()
    }

    /// Those that wait for a revocation, while none is scheduled or under way.
    pub(crate) fn lost(&self) -> Versions {
        self.lost_by(self.labels)
    }

    /// Those that seem to, by these labels.
    pub(crate) fn lost_by(&self, labels: Labels) -> Versions {
        let mut lost = labels.waiting();
        let under_way = self.revocations.iter().map(|it| it.event);
        for event in self.schedules().chain(under_way) {
            lost.remove(event.version);
        }
        lost
    }
}
