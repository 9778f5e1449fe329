use std::process::Command as StdCommand;
use std::sync::{Arc, Mutex};

use stand_in::patience::{PATIENCE, eventually};

use super::*;

fn shell(script: &str) -> Command {
    let mut command = command("sh", Signal::SIGTERM);
    command.args(["-c", script]);
    command
}

fn log() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("logs/process.log");
    (directory, log)
}

fn lives(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[test]
fn a_held_port_is_its_servers_alone_as_often_as_that_starts() {
    let held = HeldPort::new().unwrap();
    let address = ([127, 0, 0, 1], held.number()).into();
    let server = || std::net::TcpListener::bind::<std::net::SocketAddr>(address);
    let stranger = || TcpSocket::new_v4().unwrap().bind(address);
    for _ in 0..2 {
        assert!(stranger().is_err());
        let listening = server().unwrap();
        assert!(stranger().is_err());
        drop(listening);
    }
    drop(held);
    stranger().unwrap();
}

#[test]
fn held_ports_differ() {
    let held: Vec<_> = (0..300).map(|_| HeldPort::new().unwrap()).collect();
    let numbers: std::collections::BTreeSet<_> = held.iter().map(HeldPort::number).collect();
    assert_eq!(numbers.len(), held.len());
}

#[tokio::test]
async fn output_is_kept_told_and_logged() {
    let (_directory, log) = log();
    let told = Arc::new(Mutex::new(Vec::new()));
    let on_line: OnLine = Arc::new({
        let told = told.clone();
        move |line: &str| told.lock().unwrap().push(line.to_owned())
    });
    let output = run(
        "sh",
        shell("echo one; printf 'two\\377'"),
        &log,
        Some(on_line),
    )
    .await
    .unwrap();
    assert_eq!(output.lines(), ["one", "two\u{fffd}"]);
    assert_eq!(*told.lock().unwrap(), output.lines());
    assert!(output.contains("wo"));
    assert_eq!(output.tail(1), "two\u{fffd}");
    let logged = std::fs::read_to_string(log).unwrap();
    assert_eq!(logged, "one\ntwo\u{fffd}\n");
}

#[tokio::test]
async fn a_failure_quotes_the_end_of_the_output() {
    let (_directory, log) = log();
    let script = "for i in $(seq 30); do echo line $i; done; echo the reason >&2; exit 3";
    let error = run("the tool", shell(script), &log, None)
        .await
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("the tool ended with exit status: 3"),
        "{message}"
    );
    assert!(
        message.contains("the reason") && message.contains("line 30"),
        "{message}"
    );
    assert!(!message.contains("line 3\n"), "{message}");
}

#[tokio::test]
async fn waiting_ends_when_ready_when_it_ends_and_in_time() {
    let (_directory, log) = log();
    let ready = async |output: &Output| output.contains("ready");
    let mut process = Process::spawn("sh", shell("echo ready; sleep 600"), &log)
        .await
        .unwrap();
    process.wait_until(PATIENCE, ready).await.unwrap();

    let mut process = Process::spawn("sh", shell("echo no good; exit 1"), &log)
        .await
        .unwrap();
    let error = process.wait_until(PATIENCE, ready).await.unwrap_err();
    assert!(error.to_string().contains("no good"), "{error}");

    let mut process = Process::spawn("sh", shell("sleep 600"), &log)
        .await
        .unwrap();
    let soon = Duration::from_millis(100);
    let error = process.wait_until(soon, ready).await.unwrap_err();
    assert!(error.to_string().contains("not ready within"), "{error}");
}

#[tokio::test]
async fn dropping_ends_the_whole_group_however_stubborn() {
    let (_directory, log) = log();
    // The child ignores SIGTERM; it is killed once its parent has ended.
    let script =
        "sh -c 'trap \"\" TERM; echo child $$; sleep 600; sleep 600' & echo parent $$; wait";
    let mut process = Process::spawn("sh", shell(script), &log).await.unwrap();
    let id_of = |output: &Output, who: &str| {
        let lines = output.lines();
        lines
            .iter()
            .find_map(|line| Some(line.strip_prefix(who)?.trim().to_owned()))
    };
    let both = async |output: &Output| {
        id_of(output, "child").is_some() && id_of(output, "parent").is_some()
    };
    process.wait_until(PATIENCE, both).await.unwrap();
    let ids = ["child", "parent"].map(|who| id_of(process.output(), who).unwrap());
    assert!(ids.iter().all(|id| lives(id)));
    process.stop().await;
    assert!(eventually(async || !ids.iter().any(|id| lives(id))).await);
}

#[tokio::test]
async fn a_missing_program_is_told() {
    let (_directory, log) = log();
    let command = command("/nonexistent/program", Signal::SIGTERM);
    let error = run("program", command, &log, None).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("/nonexistent/program"), "{error}");
}

/// Not a test of its own: the process that the next one kills.
#[tokio::test]
#[ignore = "run by children_die_with_a_killed_parent"]
async fn parent_of_a_sleeper() {
    let Some(directory) = std::env::var_os("SLEEPER_DIRECTORY") else {
        return;
    };
    let directory = Path::new(&directory);
    // Started from a thread that is soon gone.
    let handle = tokio::runtime::Handle::current();
    let log = directory.join("log");
    let mut process = tokio::task::spawn_blocking(move || {
        let sleeper = shell("echo ready; exec sleep 600");
        handle.block_on(Process::spawn("sleep", sleeper, &log))
    })
    .await
    .unwrap()
    .unwrap();
    // Until then it is setpriv, which may not have asked yet to die with its parent.
    let ready = async |output: &Output| output.lines().iter().any(|line| line == "ready");
    process.wait_until(PATIENCE, ready).await.unwrap();
    let partial = directory.join("partial");
    std::fs::write(&partial, process.id().unwrap().to_string()).unwrap();
    std::fs::rename(partial, directory.join("id")).unwrap();
    // Until it is killed, and not for ever if nobody does.
    let _ = tokio::time::timeout(PATIENCE, std::future::pending::<()>()).await;
}

#[tokio::test]
async fn children_die_with_a_killed_parent() {
    let directory = tempfile::tempdir().unwrap();
    let mut parent = StdCommand::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "process::tests::parent_of_a_sleeper",
        ])
        .env("SLEEPER_DIRECTORY", directory.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let file = directory.path().join("id");
    assert!(eventually(async || file.exists()).await);
    let id = std::fs::read_to_string(file).unwrap();
    assert!(lives(&id));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(eventually(async || !lives(&id)).await);
}
