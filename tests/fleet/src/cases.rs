//! Which fleets are simulated.

use crate::calls::Api;
use crate::scenario::{Fleet, Pool, Start};
use crate::tables::thousands;

pub(crate) const SIZES: [u32; 3] = [1_000, 10_000, 100_000];

/// `RotateSecret` as often as its quota lets through, a second.
const UNPACED: f64 = 50.0;

/// What Heroku's pool carries for v1, an hour, with a tenth to spare: 75 a minute, four requests a rotation.
pub(crate) const V1_AN_HOUR: f64 = 1_000.0;

/// The same for v3, seven requests a rotation, if all tokens share the service's pool.
pub(crate) const V3_AN_HOUR: f64 = 570.0;

/// What Secrets Manager's writes carry for v3, if each token has a pool: 50 a second, three or, the first time, five
/// a rotation.
pub(crate) const V3_A_SECOND: f64 = 10.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Schedule,
    Now,
    /// The same unpaced, and Secrets Manager goes on.
    GoesOn,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) fleet: Fleet,
    pub(crate) part: Part,
    /// Whether it is as it should be done: spread, or paced.
    pub(crate) advised: bool,
}

impl Case {
    pub(crate) fn start(&self) -> String {
        match self.fleet.start {
            Start::SameDay => "`rate(90 days)`, all of one day".to_owned(),
            Start::Spread => "a schedule each".to_owned(),
            Start::Now { pace } if pace < 1.0 => {
                let pace = thousands(crate::microseconds(pace * 3_600.0));
                format!("now, {pace} an hour")
            }
            Start::Now { pace } => format!("now, {pace} a second"),
        }
    }

    pub(crate) fn api(&self) -> &'static str {
        api(self.fleet.api, self.fleet.pool)
    }

    pub(crate) fn describe(&self) -> String {
        let instances = thousands(self.fleet.instances.into());
        format!(
            "{instances} {}: {}",
            self.api(),
            self.start().replace('`', "")
        )
    }
}

/// An API, with the hypothesis about its pool.
pub(crate) fn api(api: Api, pool: Pool) -> &'static str {
    match (api, pool) {
        (Api::V1, _) => "v1",
        (Api::V3, Pool::Service) => "v3, one pool",
        (Api::V3, Pool::Token) => "v3, a pool each",
    }
}

/// v1, and v3 under both hypotheses of Heroku's pool, each with the pace that it carries, a second.
pub(crate) const FLEETS: [(Api, Pool, f64); 3] = [
    (Api::V1, Pool::Service, V1_AN_HOUR / 3_600.0),
    (Api::V3, Pool::Service, V3_AN_HOUR / 3_600.0),
    (Api::V3, Pool::Token, V3_A_SECOND),
];

/// The fleet whose rotations Secrets Manager attempts for as long as it takes.
const GOING_ON: u32 = 3_000;

/// More than a fleet of one pool meets at once, under both hypotheses, while Secrets Manager does not give up.
pub(crate) fn going_on() -> impl Iterator<Item = Case> {
    let is_its = |case: &Case| {
        (case.part, case.advised, case.fleet.pool) == (Part::Now, false, Pool::Service)
    };
    let cases = cases(GOING_ON).into_iter().filter(is_its);
    cases.map(|case| Case {
        part: Part::GoesOn,
        ..case
    })
}

pub(crate) fn cases(instances: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for (api, pool, pace) in FLEETS {
        for (part, start, advised) in [
            (Part::Schedule, Start::SameDay, false),
            (Part::Schedule, Start::Spread, true),
            (Part::Now, Start::Now { pace: UNPACED }, false),
            (Part::Now, Start::Now { pace }, true),
        ] {
            let fleet = Fleet {
                instances,
                api,
                start,
                pool,
            };
            cases.push(Case {
                fleet,
                part,
                advised,
            });
        }
    }
    cases
}
