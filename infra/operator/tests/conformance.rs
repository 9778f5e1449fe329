//! `addon-rotation-operator conformance` as a process: its status, what it writes where, and its end by a signal.

#![cfg(test)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use credential_service::{CredentialService, CredentialServiceOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use stand_in::events::EventLog;
use stand_in::patience::eventually;
use stand_in::{Fault, FaultRule};
use tokio::task::spawn_blocking;

const TOKEN: &str = "the-administrators-token";

async fn service() -> CredentialService {
    let options = CredentialServiceOptions {
        name: "acme".to_owned(),
        administrator_token: TOKEN.to_owned(),
    };
    CredentialService::start(options, EventLog::default())
        .await
        .unwrap()
}

/// The command, with a token at its standard input.
fn start(url: &str, token: &str, options: &[&str]) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_addon-rotation-operator"))
        .args(["conformance", "--url", url, "--token-file", "-"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{token}").unwrap();
    child
}

async fn run(url: &str, token: &'static str, options: &'static [&'static str]) -> Output {
    let url = url.to_owned();
    let run = move || start(&url, token, options).wait_with_output();
    let output = spawn_blocking(run).await.unwrap().unwrap();
    for text in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(text).contains(token));
    }
    output
}

#[tokio::test]
async fn the_status_is_0_if_every_rule_holds() {
    let service = service().await;
    let output = run(service.url().as_str(), TOKEN, &[]).await;
    let (text, progress) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(0), "{text}{progress}");
    assert!(text.contains("0 failed, 0 skipped; all that was registered is revoked"));
    assert!(
        progress.lines().any(|line| line == "put-new: passed"),
        "{progress}"
    );
    assert_eq!(service.live(), Vec::<String>::new());
    for secret in service.secret_values() {
        assert!(!text.contains(&secret) && !progress.contains(&secret));
    }
}

#[tokio::test]
async fn the_status_is_1_if_a_rule_fails_and_json_says_which() {
    let service = service().await;
    let output = run(service.url().as_str(), "another-token", &["--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["passed"], false);
    let failed = json["rules"].as_array().unwrap().iter();
    let failed = failed.filter(|it| it["verdict"] == "failed");
    assert!(failed.into_iter().any(|it| it["rule"] == "put-new"));
}

#[tokio::test]
async fn the_status_is_2_if_it_could_not_run() {
    let output = run("http://credentials.acme.example", TOKEN, &["--field", "9"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("--url") && told.contains("--field"), "{told}");
}

#[tokio::test]
async fn stopped_by_a_signal_it_revokes_what_it_registered() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let service = service().await;
        // It takes effect at once, and its answer is under way when the signal comes.
        service.fail_next(FaultRule {
            method: Some(http::Method::PUT),
            path_prefix: "/v1/credentials/conformance-".to_owned(),
            count: 1,
            fault: Fault::Slow(Duration::from_secs(3)),
        });
        let url = service.url();
        let mut child = spawn_blocking(move || start(url.as_str(), TOKEN, &[]))
            .await
            .unwrap();
        assert!(eventually(async || !service.live().is_empty()).await);
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        // Nobody listens any longer after that line, which is no reason to stay.
        let mut progress = BufReader::new(child.stderr.take().unwrap()).lines();
        let told = move || progress.any(|line| line.unwrap().contains("stopping"));
        assert!(spawn_blocking(told).await.unwrap());
        let output = spawn_blocking(|| child.wait_with_output()).await.unwrap();
        assert_eq!(output.unwrap().status.code(), Some(2), "{signal}");
        assert_eq!(service.live(), Vec::<String>::new());
        assert!(service.secret_values().len() > 1);
    }
}
