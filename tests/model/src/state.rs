//! What there is: labels, credentials, config vars, schedules, and who is in the middle of what.

/// A version of the secret: 0 is the imported one, 1 and 2 are those of the rotations.
pub type Version = u8;

/// A set of versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Versions(u8);

impl Versions {
    /// Whether a version is among them.
    #[must_use]
    pub fn has(self, version: Version) -> bool {
        self.0 & (1 << version) != 0
    }

    /// Adds a version.
    pub fn add(&mut self, version: Version) {
        self.0 |= 1 << version;
    }

    /// Takes a version out.
    pub fn remove(&mut self, version: Version) {
        self.0 &= !(1 << version);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The versions.
    pub fn iter(self) -> impl Iterator<Item = Version> {
        (0..3).filter(move |version| self.has(*version))
    }

    /// Whether all of them are among others.
    #[must_use]
    pub fn are_among(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }
}

/// Something that ends when a grace period has passed since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lasting {
    /// Heroku showed the version: dynos may still have it.
    InUse(Version),
    /// A try of the version's revocation is not due, the first or a later one.
    NotDue(Version, bool),
}

/// A schedule of a revocation's try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Try {
    /// Whether it is a first one, whose name finish-secret and the sweep use too.
    pub first: bool,
    /// Whether the credential was, or may have been, in use at the one before.
    pub was_in_use: bool,
    /// Whether its time has come.
    pub due: bool,
}

/// The next request of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Nobody has asked for it.
    NotBegun,
    /// createSecret: rotate describes the secret.
    Begin,
    /// rotate stores value and labels.
    Store,
    /// create-secret has the service issue.
    Issue,
    /// publish-to-heroku looks.
    Look,
    /// publish-to-heroku writes.
    Publish,
    /// test-secret logs in and looks.
    Test,
    /// finishSecret: rotate describes the secret, and labels an imported version.
    Finish,
    /// finish-secret schedules the revocation of the version that is current until now.
    Schedule(Version),
    /// finish-secret schedules what was left behind.
    ScheduleOthers(Version),
    /// rotate moves AWSCURRENT from that version.
    Promote(Version),
    /// Secrets Manager sees that AWSCURRENT has moved, and takes AWSPENDING off.
    Complete,
    /// It is complete, or abandoned.
    Over,
}

/// The next request of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// It looks for a first try's schedule, if it is a later one, and describes the secret.
    Describe,
    /// It reads what Heroku shows.
    Look,
    /// It has the service revoke.
    Revoke,
    /// It takes the label off.
    Detach,
    /// It schedules the next try: the credential is in use.
    TryAgain,
    /// It schedules the whole grace period: the credential is in use no more.
    GraceAnew,
}

/// The world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// AWSCURRENT.
    pub current: Version,
    /// AWSPENDING.
    pub pending: Option<Version>,
    /// `LIVE-` labels.
    pub live: Versions,
    /// What the service accepts.
    pub accepted: Versions,
    /// What Heroku shows.
    pub shown: Version,
    /// What dynos may have that Heroku does not show any more.
    pub recent: Versions,
    /// Releases by rotation.
    pub releases: [u8; 3],
    /// What lasts a grace period, the oldest first.
    pub lasting: Vec<Lasting>,
    /// The schedules of first and later tries, by version.
    pub schedules: [[Option<Try>; 2]; 3],
    /// The rotations' next requests; the first is no rotation.
    pub rotations: [Rotation; 3],
    /// The revocations under way, by version, with the event that each has.
    pub revocations: [Option<(Revocation, Try)>; 3],
    /// What the sweep has read and is to look for.
    pub sweeping: Option<Versions>,
    /// Crashes that may still come.
    pub crashes: u8,
    /// Whether the first rotation was abandoned.
    pub abandoned: bool,
    /// Whether a schedule was lost.
    pub lost: bool,
}

impl State {
    /// An enrolled instance.
    #[must_use]
    pub fn enrolled(crashes: u8) -> Self {
        let mut accepted = Versions::default();
        accepted.add(0);
        Self {
            current: 0,
            pending: None,
            live: Versions::default(),
            accepted,
            shown: 0,
            recent: Versions::default(),
            releases: [0; 3],
            lasting: Vec::new(),
            schedules: [[None; 2]; 3],
            rotations: [Rotation::Over, Rotation::NotBegun, Rotation::NotBegun],
            revocations: [None; 3],
            sweeping: None,
            crashes,
            abandoned: false,
            lost: false,
        }
    }

    /// Has Heroku show another version.
    pub fn show(&mut self, version: Version) {
        if self.shown != version {
            self.recent.add(self.shown);
            self.lasting.push(Lasting::InUse(self.shown));
            // What is shown again is in use from now on.
            self.recent.remove(version);
            self.lasting.retain(|it| *it != Lasting::InUse(version));
            self.shown = version;
        }
    }

    /// Makes or moves a schedule that is due after a grace period.
    pub fn schedule(&mut self, version: Version, first: bool) {
        let (was_in_use, due) = (false, false);
        self.put(
            version,
            Try {
                first,
                was_in_use,
                due,
            },
        );
        self.lasting.push(Lasting::NotDue(version, first));
    }

    /// Makes a schedule that is due in minutes: at any time.
    pub fn schedule_soon(&mut self, version: Version, first: bool, was_in_use: bool) {
        let due = true;
        self.put(
            version,
            Try {
                first,
                was_in_use,
                due,
            },
        );
    }

    fn put(&mut self, version: Version, next: Try) {
        self.take(version, next.first);
        self.schedules[usize::from(version)][usize::from(!next.first)] = Some(next);
    }

    /// Removes a schedule.
    pub fn take(&mut self, version: Version, first: bool) -> Option<Try> {
        let stamp = Lasting::NotDue(version, first);
        self.lasting.retain(|it| *it != stamp);
        self.schedules[usize::from(version)][usize::from(!first)].take()
    }

    /// A schedule, of the first try or a later one.
    #[must_use]
    pub fn scheduled(&self, version: Version, first: bool) -> Option<Try> {
        self.schedules[usize::from(version)][usize::from(!first)]
    }

    /// A grace period has passed since the oldest of what lasts one began.
    pub fn pass_time(&mut self) {
        if self.lasting.is_empty() {
            return;
        }
        match self.lasting.remove(0) {
            Lasting::InUse(version) => self.recent.remove(version),
            Lasting::NotDue(version, first) => {
                let slot = &mut self.schedules[usize::from(version)][usize::from(!first)];
                if let Some(next) = slot {
                    next.due = true;
                }
            }
        }
    }

    /// Whether nobody is at work or will be.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.rotations.iter().all(|it| *it == Rotation::Over)
            && self.revocations.iter().all(Option::is_none)
            && !(0..3).any(|version| self.is_scheduled(version))
            && self.sweeping.is_none()
    }

    /// Whether any try of a version's revocation is scheduled.
    #[must_use]
    pub fn is_scheduled(&self, version: Version) -> bool {
        self.schedules[usize::from(version)]
            .iter()
            .any(Option::is_some)
    }

    /// The versions that wait for a revocation: labelled, neither current nor pending.
    #[must_use]
    pub fn waiting(&self) -> Versions {
        let mut waiting = self.live;
        waiting.remove(self.current);
        if let Some(pending) = self.pending {
            waiting.remove(pending);
        }
        waiting
    }
}
