//! AWS out of order in the middle of a rotation: the customer's apps are still restarted once only. What becomes of it
//! is what `cargo xtask faults` sees of the same fault.

use std::sync::Arc;
use std::thread;

use faults::engine::Servers;
use faults::fault::{self, Kind, When};
use faults::run::{Act, Case, Outcome, run};
use faults::world;
use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine};
use stand_in::Fault;
use stand_in::events::EventKind;
use tokio::runtime;
use tokio::task::LocalSet;

use crate::support::faults::{at_aws, status};
use crate::support::{check, current, live_versions, revoke, rotate, spec};
use crate::{Suite, TestResult};

/// A sample of the single faults at requests to AWS: the operation, or the function that is invoked, and
/// what goes wrong.
const SAMPLE: [(&str, Kind); 8] = [
    ("secretsmanager:PutSecretValue", Kind::AnswerLost),
    ("secretsmanager:PutSecretValue", Kind::RequestLost),
    ("secretsmanager:UpdateSecretVersionStage", Kind::AnswerLost),
    ("create-secret", Kind::AnswerLost),
    ("publish-to-heroku", Kind::ServerError),
    ("publish-to-heroku", Kind::ServerErrorAfterEffect),
    ("finish-secret", Kind::AnswerLost),
    ("scheduler:CreateSchedule", Kind::AnswerLost),
];

pub(crate) fn tests(suite: &mut Suite) {
    for (index, (what, kind)) in SAMPLE.into_iter().enumerate() {
        let name = format!("faults::as_in_one_process_{what}_{kind:?}");
        let name = name.replace([':', ' ', '-'], "_");
        suite.test(&name.replace("faults__", "faults::"), move |cloud| {
            agreed(cloud, format!("agreed-{index}"), what, kind)
        });
    }
}

/// The same fault in the deployed stack, IAM and all, and in a run in one process.
async fn agreed(cloud: Arc<Cloud>, name: String, what: &str, kind: Kind) -> TestResult {
    let instance = cloud.enrol(spec(&name, Api::V1, Engine::Http)).await?;
    let old = current(&cloud, &instance)?;
    let fault = match kind {
        Kind::RequestLost => Fault::LoseRequest,
        Kind::AnswerLost | Kind::ServerErrorAfterEffect => Fault::LoseAnswer,
        _ => status(500),
    };
    at_aws(&cloud, &instance, what, fault);
    let new = rotate(&cloud, &instance).await?;
    check(
        cloud.gateway.pending_faults(&instance.secret_arn) == 0,
        || "the fault never came about".to_owned(),
    )?;
    revoke(&cloud, &old).await?;
    let started = |event: &stand_in::events::Event| matches!(&event.kind, EventKind::RotationStarted { secret, .. } if *secret == instance.secret_name);
    let attempts = cloud
        .events
        .since(0)
        .iter()
        .filter(|it| started(it))
        .count();
    let releases = cloud.heroku.releases(&instance.apps[0])?.len() - 2;
    let live = cloud.live_credentials(&instance).await?;
    check(releases == 1 && live == [new.clone()], || {
        format!("{releases} releases, {live:?} accepted, {new} current")
    })?;
    check(
        live_versions(&cloud, &instance)?
            .iter()
            .all(|it| *it == new),
        || "an old version is labelled".to_owned(),
    )?;

    let alone = in_one_process(what.to_owned(), kind)?;
    check(alone.violations.is_empty(), || {
        format!("in one process: {:?}", alone.violations)
    })?;
    check(alone.attempts == attempts, || {
        format!("{attempts} attempts, in one process {}", alone.attempts)
    })
}

/// What `cargo xtask faults` sees of the first such request of a rotation.
fn in_one_process(what: String, kind: Kind) -> Result<Outcome, Failed> {
    let runs = move || -> Result<Outcome, faults::Problem> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let all = LocalSet::new();
        runtime.block_on(all.run_until(async {
            let servers = Arc::new(Servers::start(&[]).await?);
            let mut case = Case {
                setup: world::Setup {
                    engine: faults::engine::Engine::Http,
                    api: world::Api::V1,
                    manners: world::Manners::Tidy,
                },
                act: Act::FirstRotation,
                faults: Vec::new(),
            };
            let clean = run(&case, Arc::clone(&servers)).await;
            let mut requests = clean.requests.into_iter();
            let request = requests.find(|request| request.what.ends_with(&what));
            let when = When::At(request.ok_or("there is no such request")?);
            case.faults.push(fault::Fault { when, kind });
            Ok(run(&case, servers).await)
        }))
    };
    let outcome = thread::spawn(runs).join().map_err(|_| "a run panicked")?;
    outcome.map_err(|problem| Failed::from(problem.to_string()))
}
