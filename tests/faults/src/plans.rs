//! What is run: every single fault, pairs of faults, histories.

use std::fs;

use clap::ValueEnum as _;
use faults::Problem;
use faults::engine::Engine;
use faults::fault::{Fault, Kind, Request, When};
use faults::run::{Act, Case};
use faults::runner::{Job, run_all};
use faults::story::known;
use faults::story::strategy::{Tree, stories};
use faults::world::{Api, Manners, Setup};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::Harness;
use crate::arguments::Plan;

/// An act without faults, and its requests.
struct Clean {
    case: Case,
    requests: Vec<Request>,
}

impl Clean {
    fn row(&self) -> String {
        let Setup {
            engine,
            api,
            manners,
        } = self.case.setup;
        format!("{engine:?} {api:?} {manners:?} {:?}", self.case.act)
    }
}

pub(crate) fn run(harness: &mut Harness, engines: &[Engine], plan: &Plan) -> Result<(), Problem> {
    eprintln!("seed {}", plan.seed);
    let manners = if plan.untidy {
        &Manners::value_variants()[1..]
    } else {
        &Manners::value_variants()[..1]
    };
    let clean = clean(harness, engines, manners)?;
    if !harness.report.is_clean() {
        // Nothing else says anything then.
        for failure in harness.report.failures() {
            eprintln!("without any fault: {:?}", failure.violations);
        }
        return Ok(());
    }
    if !plan.no_single {
        for clean in &clean {
            harness.report.about(&clean.row(), &clean.requests);
        }
        let jobs = clean.iter().flat_map(|clean| {
            let each = |request: &Request| {
                let faults = request.kinds().iter().map(|kind| Fault {
                    when: When::At(request.clone()),
                    kind: *kind,
                });
                faults.collect::<Vec<_>>()
            };
            let requests = clean.requests.iter();
            let faults = requests
                .filter(|it| !plan.turns || it.is_turn())
                .flat_map(each);
            faults.map(|fault| (clean.row(), with(clean, vec![fault])))
        });
        harness.run("single faults", jobs.step_by(plan.every.get()).collect())?;
    }
    if plan.pairs > 0 && !harness.is_done() {
        let mut random = StdRng::seed_from_u64(plan.seed);
        let jobs = (0..plan.pairs).filter_map(|_| pair(&clean, &mut random));
        harness.run("pairs of faults", jobs.collect())?;
    }
    if !harness.is_done() {
        let jobs = known::stories(engines).map(|story| {
            let row = format!("known histories: {:?}", story.setup.engine);
            (row, Job::Story(story))
        });
        harness.run("known histories", jobs.collect())?;
    }
    if plan.histories > 0 && !harness.is_done() {
        histories(harness, engines, plan)?;
    }
    Ok(())
}

/// The acts that faults are put into.
fn clean(
    harness: &mut Harness,
    engines: &[Engine],
    manners: &[Manners],
) -> Result<Vec<Clean>, Problem> {
    let mut cases = Vec::new();
    for &engine in engines {
        for &api in Api::value_variants() {
            for &manners in manners {
                let setup = Setup {
                    engine,
                    api,
                    manners,
                };
                let acts = Act::value_variants().iter();
                cases.extend(acts.map(|&act| Case {
                    setup,
                    act,
                    faults: Vec::new(),
                }));
            }
        }
    }
    let jobs = cases.iter().map(|case| Job::Case(case.clone())).collect();
    let mut found: Vec<_> = vec![Vec::new(); cases.len()];
    let (report, scripts) = (&mut harness.report, harness.scripts.as_path());
    let mut problem = None;
    run_all(jobs, &harness.servers, |index, job, outcome| {
        found[index].clone_from(&outcome.requests);
        problem = report
            .add("no fault", &job, outcome, scripts)
            .err()
            .or(problem.take());
        true
    })?;
    if let Some(problem) = problem {
        return Err(problem.into());
    }
    let clean = cases.into_iter().zip(found).map(|(case, mut requests)| {
        requests.retain(|request| case.act.is_about(request));
        Clean { case, requests }
    });
    Ok(clean.collect())
}

fn with(clean: &Clean, faults: Vec<Fault>) -> Job {
    Job::Case(Case {
        faults,
        ..clean.case.clone()
    })
}

/// Any fault at any request, and another soon after.
fn pair(clean: &[Clean], random: &mut StdRng) -> Option<(String, Job)> {
    let clean = clean.choose(random)?;
    let request = clean.requests.choose(random)?;
    let first = Fault {
        when: When::At(request.clone()),
        kind: *request.kinds().choose(random)?,
    };
    let second = Fault {
        when: When::After(random.random_range(0..30)),
        kind: *Kind::HTTP.choose(random)?,
    };
    let row = format!("pairs: {:?}", clean.case.setup.engine);
    Some((row, with(clean, vec![first, second])))
}

fn histories(harness: &mut Harness, engines: &[Engine], plan: &Plan) -> Result<(), Problem> {
    let trees: Vec<Tree> = stories(engines, plan.seed, plan.histories).collect();
    let jobs = trees.iter().map(|tree| {
        let story = tree.current();
        let row = format!("histories: {:?}", story.setup.engine);
        (row, Job::Story(story))
    });
    let mut failed = harness.run("histories", jobs.collect())?;
    failed.sort_unstable();
    for (index, tree) in trees.into_iter().enumerate() {
        if failed.iter().take(SHRUNK).any(|it| *it == index) {
            shrink(harness, index, tree)?;
        }
    }
    Ok(())
}

/// So many failing histories are made smaller: the others mostly fail for the same reason.
const SHRUNK: usize = 3;

/// So often a history is tried to be made smaller.
const TRIES: usize = 300;

/// Makes a failing history as small as it can be.
fn shrink(harness: &Harness, index: usize, mut tree: Tree) -> Result<(), Problem> {
    eprintln!("making history {index} smaller");
    let mut smallest = None;
    for _ in 0..TRIES {
        let job = Job::Story(tree.current());
        let mut violations = Vec::new();
        run_all(vec![job.clone()], &harness.servers, |_, _, outcome| {
            violations.extend(outcome.violations);
            true
        })?;
        let goes_on = if violations.is_empty() {
            tree.complicate()
        } else {
            smallest = Some((job, violations));
            tree.simplify()
        };
        if !goes_on {
            break;
        }
    }
    let Some((job, violations)) = smallest else {
        eprintln!("  it did not fail a second time");
        return Ok(());
    };
    let script = harness.scripts.join(format!("smaller-{index}.json"));
    fs::write(&script, serde_json::to_vec_pretty(&job)?)?;
    for violation in violations {
        eprintln!("  {violation}");
    }
    eprintln!(
        "  replay: {}\n{}",
        script.display(),
        fs::read_to_string(&script)?
    );
    Ok(())
}
