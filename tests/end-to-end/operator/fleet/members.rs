//! Who is in the fleet, and what becomes of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::Failed;
use local_cloud::cloud::{AddOn, Api, Cloud, Engine, Instance};
use serde_json::json;

use super::Fleet;
use crate::TestResult;
use crate::operator::{ENROLLER, Operator};
use crate::support::spec;

/// So many have every fate.
pub(super) const FEWEST: usize = 20;

/// Most are of the partner's own service: a server of its own, or a database, takes longer to provision.
const ENGINES: [Engine; 10] = [
    Engine::Http,
    Engine::Postgres,
    Engine::Http,
    Engine::Mysql,
    Engine::Http,
    Engine::Redis,
    Engine::Http,
    Engine::Http,
    Engine::Http,
    Engine::Http,
];

/// What becomes of an instance after its rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing more.
    Rotated,
    RolledBack,
    Leaked,
    Deprovisioned,
}

impl Fate {
    /// Two different APIs and engines are rolled back, and ten of each engine and API end.
    fn of(place: usize) -> Self {
        match place {
            0 | 3 => Self::RolledBack,
            5 => Self::Leaked,
            10..20 => Self::Deprovisioned,
            _ => Self::Rotated,
        }
    }
}

/// An instance.
pub(super) struct Member {
    pub(super) instance: Instance,
    pub(super) fate: Fate,
    /// How many releases its app had before anything was rotated.
    pub(super) releases: usize,
    /// A secret.
    line: String,
}

impl Member {
    /// Its line in the file for `enroll`.
    pub(super) fn line(&self) -> &str {
        &self.line
    }
}

impl Fleet {
    /// At Heroku and at the services: AWS knows none of them.
    pub(super) async fn provision(cloud: Arc<Cloud>, size: usize) -> Result<Self, Failed> {
        let others = cloud.credential_service.live();
        let operator = Operator::new(&cloud, ENROLLER).await?;
        let places: Vec<_> = (0..size).collect();
        let members = std::sync::Mutex::new(Vec::new());
        eight_at_once(&places, async |place: &usize| {
            let member = provision(&cloud, *place).await?;
            let mut members = members.lock().map_err(|error| error.to_string())?;
            members.push((*place, member));
            Ok(())
        })
        .await?;
        let mut members = members.into_inner().map_err(|error| error.to_string())?;
        members.sort_by_key(|(place, _)| *place);
        Ok(Self {
            cloud,
            operator,
            members: members.into_iter().map(|(_, member)| member).collect(),
            others,
        })
    }
}

async fn provision(cloud: &Cloud, place: usize) -> Result<Member, Failed> {
    // Each engine has either, by turns.
    let api = match (place / ENGINES.len() + place) % 2 {
        0 => Api::V1,
        _ => Api::V3,
    };
    let engine = ENGINES[place % ENGINES.len()];
    let spec = spec(&format!("of-many-{place}"), api, engine);
    let AddOn {
        instance, document, ..
    } = cloud.provision_add_on(spec).await?;
    let mut event = json!({ "Document": document });
    if api == Api::V3 {
        // A grant code would be good for five minutes only.
        event["RefreshToken"] = cloud.heroku.refresh_token(&instance.addon)?.into();
    }
    Ok(Member {
        fate: Fate::of(place),
        releases: cloud.heroku.releases(&instance.apps[0])?.len(),
        instance,
        line: format!("{event}\n"),
    })
}

/// Does something with each, eight at once; the first that fails is the end.
pub(super) async fn eight_at_once<T>(
    all: &[T],
    work: impl AsyncFn(&T) -> TestResult,
) -> TestResult {
    let next = AtomicUsize::new(0);
    let one_by_one = async || {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            Box::pin(work(one)).await?;
        }
        TestResult::Ok(())
    };
    tokio::try_join!(
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
    )?;
    Ok(())
}
