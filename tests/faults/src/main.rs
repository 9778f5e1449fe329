//! Runs the faults. `cargo xtask faults` calls it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test runner talks to whoever runs it"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use faults::Problem;
use faults::engine::Engine;
use faults::fault::{Fault, When};
use faults::run::Case;
use faults::runner::run_all;
use faults::violation::Violation;
use faults::world::{Api, Setup};

fn main() -> Result<ExitCode, Problem> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut clean = Vec::new();
    for engine in Engine::ALL {
        for api in Api::ALL {
            for second in [false, true] {
                clean.push(Case {
                    setup: Setup { engine, api },
                    second,
                    faults: vec![],
                });
            }
        }
    }
    let mut cases = Vec::new();
    let t = std::time::Instant::now();
    run_all(clean, |case, outcome| {
        eprintln!(
            "{:?} {} {} requests {} looks {} logins, attempts {}",
            case.setup,
            case.second,
            outcome.requests.len(),
            outcome.looks,
            outcome.logins,
            outcome.attempts
        );
        for v in &outcome.violations {
            eprintln!("  {v}");
        }
        if case.setup.api == Api::V3 && !case.second {
            for r in &outcome.requests {
                eprintln!("    {r}");
            }
        }
        for request in outcome.requests {
            for kind in request.kinds() {
                cases.push(Case {
                    faults: vec![Fault {
                        when: When::At(request.clone()),
                        kind: *kind,
                    }],
                    ..case.clone()
                });
            }
        }
    })?;
    eprintln!("clean {:?}; {} cases", t.elapsed(), cases.len());
    let t = std::time::Instant::now();
    let mut n = 0;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    run_all(cases, |case, outcome| {
        n += 1;
        if n % 200 == 0 {
            eprintln!("{n} {:?}", t.elapsed());
        }
        for v in &outcome.violations {
            let c = seen
                .entry(format!(
                    "{} {:?} {} {}",
                    v.rule.name(),
                    case.faults[0].kind,
                    match &case.faults[0].when {
                        When::At(r) => r.to_string(),
                        _ => String::new(),
                    },
                    v.what
                        .split(' ')
                        .filter(|w| w.len() < 30)
                        .collect::<Vec<_>>()
                        .join(" ")
                ))
                .or_default();
            *c += 1;
            let _: &Violation = v;
        }
    })?;
    for (what, count) in &seen {
        eprintln!("{count:4} {what}");
    }
    eprintln!(
        "{n} runs {:?}, {} kinds of violations",
        t.elapsed(),
        seen.len()
    );
    Ok(if seen.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
