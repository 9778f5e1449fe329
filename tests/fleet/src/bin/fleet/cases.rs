//! Which fleets are simulated.

use fleet::calls::Api;
use fleet::{Fleet, Start};

use super::tables::thousands;

/// The page's fleets.
pub(super) const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// `RotateSecret` as often as its quota lets through, a second.
const UNPACED: f64 = 50.0;

/// What Heroku's pool carries for v1, with a tenth to spare: 75 a minute, four requests a rotation.
pub(super) const V1_AN_HOUR: f64 = 1_000.0;

/// What Secrets Manager's writes carry for v3: 50 a second, three or, the first time, four a rotation.
pub(super) const V3_A_SECOND: f64 = 12.0;

/// What a case belongs to, and which of its curves it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Rotated every 90 days.
    Schedule(Stage),
    /// Rotated all of them, now.
    Now(Stage),
}

/// Before the changes, with some of them, with all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Before,
    Between,
    After,
}

/// A fleet that is simulated.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) fleet: Fleet,
    pub(super) part: Part,
}

impl Case {
    /// How it is started, in words.
    pub(super) fn start(&self) -> String {
        match self.fleet.start {
            Start::SameDay => "`rate(90 days)`, all of one day".to_owned(),
            Start::EveryDay => "`rate(90 days)`, of 90 days".to_owned(),
            Start::Spread => "a schedule each".to_owned(),
            Start::Now { pace } => {
                let pace = if pace < 1.0 {
                    format!("{} an hour", thousands(fleet::microseconds(pace * 3_600.0)))
                } else {
                    format!("{pace} a second")
                };
                let as_before = if self.fleet.as_before {
                    ", one check more"
                } else {
                    ""
                };
                format!("now, {pace}{as_before}")
            }
        }
    }

    pub(super) fn describe(&self) -> String {
        let instances = thousands(self.fleet.instances.into());
        let api = self.fleet.api.name();
        format!("{instances} {api}: {}", self.start().replace('`', ""))
    }
}

/// All that a fleet of this size goes through.
pub(super) fn cases(instances: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for api in [Api::V1, Api::V3] {
        let mut add = |part, start, as_before| {
            let fleet = Fleet {
                as_before,
                ..Fleet::new(instances, api, start)
            };
            cases.push(Case { fleet, part });
        };
        add(Part::Schedule(Stage::Before), Start::SameDay, false);
        add(Part::Schedule(Stage::Between), Start::EveryDay, false);
        add(Part::Schedule(Stage::After), Start::Spread, false);
        let unpaced = Start::Now { pace: UNPACED };
        add(Part::Now(Stage::Before), unpaced, false);
        match api {
            Api::V1 => {
                let pace = V1_AN_HOUR / 3_600.0;
                add(Part::Now(Stage::Between), Start::Now { pace }, true);
                add(Part::Now(Stage::After), Start::Now { pace }, false);
            }
            Api::V3 => {
                let paced = Start::Now { pace: V3_A_SECOND };
                add(Part::Now(Stage::After), paced, false);
            }
        }
    }
    cases
}
