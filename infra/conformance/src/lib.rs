//! `addon-rotation-operator conformance`: whether a partner's own service does what
//! `infra/credential-service.openapi.yaml` asks of it, and what to change if not.
//!
//! It talks to the service over HTTP as the `http` engine does, with credentials of its own, which
//! it revokes at the end, however that comes.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command prints"
)]

mod contract;
mod report;
mod rules;
mod service;
mod settings;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::report::{Finding, Report};
use self::rules::RULES;
use self::service::{Patience, Service, ServiceError};
use self::settings::Settings;

pub use self::settings::Options;

/// The status of a run that could not begin.
const COULD_NOT_RUN: u8 = 2;

/// What ends the command early: the first signal has it clean up, the second has it leave.
#[derive(Clone, Default)]
struct Signals {
    stop: CancellationToken,
    leave: CancellationToken,
}

/// Judges the service, and says what was found out, in JSON or as a table. No Ctrl-C ends it at once: what another
/// machine was told has to be taken back.
pub async fn run(options: &Options, json: bool) -> ExitCode {
    let settings = match Settings::read(options) {
        Ok(settings) => settings,
        Err(error) => return could_not_run(&error),
    };
    let signals = Signals::default();
    let _listening = match signals.listen() {
        Ok(listening) => listening,
        Err(error) => return could_not_run(&error),
    };
    let progress = progress();
    let report = examine(settings, Patience::ENGINE, &signals, |finding| {
        if progress.is_hidden() {
            tell(&finding.line());
        } else {
            progress.inc(1);
            progress.set_message(finding.line());
        }
    })
    .await;
    progress.finish_and_clear();
    match report {
        Err(error) => could_not_run(&error),
        Ok(report) => {
            if json {
                println!("{:#}", report.json());
            } else {
                println!("{}", report.text(io::stdout().is_terminal()));
            }
            report.exit_code()
        }
    }
}

/// Judges the service, and revokes what was registered for it.
async fn examine(
    settings: Settings,
    patience: Patience,
    signals: &Signals,
    done: impl FnMut(&Finding),
) -> Result<Report, ServiceError> {
    let service = Service::new(settings, patience, signals.stop.clone())?;
    service.reach().await?;
    Ok(examine_with(&service, signals, done).await)
}

async fn examine_with(service: &Service, signals: &Signals, done: impl FnMut(&Finding)) -> Report {
    let findings = rules::judge(service, done).await;
    let interrupted = signals.stop.is_cancelled();
    let revoked = signals.leave.run_until_cancelled(service.clean_up()).await;
    let left = revoked.unwrap_or_else(|| {
        let reason = "the command was stopped before it had revoked it";
        let left = service.not_reached().into_iter();
        left.map(|id| (id, reason.to_owned())).collect()
    });
    Report {
        url: service.url().clone(),
        findings,
        left,
        interrupted,
    }
}

impl Signals {
    fn listen(&self) -> io::Result<AbortOnDropHandle<()>> {
        let signals = self.clone();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            for token in [&signals.stop, &signals.leave] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                token.cancel();
                tell("stopping: revoking what was registered; stopped again, leaving it");
            }
        })))
    }
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new(RULES.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn could_not_run(error: &dyn std::error::Error) -> ExitCode {
    tell(&format!("error: {error}"));
    ExitCode::from(COULD_NOT_RUN)
}

/// `eprintln!` would panic, and leave credentials behind, if nobody listened any more.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
