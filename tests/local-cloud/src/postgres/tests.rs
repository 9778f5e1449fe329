use std::sync::Arc;

use super::*;
use crate::tools::{ensure_postgres, target_directory};

async fn start() -> (Postgres, TempDir) {
    let workspace = crate::tools::workspace();
    let target = target_directory(&workspace);
    let progress = Arc::new(|line: &str| println!("{line}"));
    let programs = ensure_postgres(&target, progress).await.unwrap();
    let logs = tempfile::tempdir().unwrap();
    (Postgres::start(&programs, logs.path()).await.unwrap(), logs)
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn it_serves_with_passwords_and_logs_every_statement() {
    let (postgres, _logs) = start().await;
    let secret = "'a secret'";
    postgres
        .execute(
            SUPERUSER,
            &format!("CREATE ROLE \"o\"\"x\" LOGIN PASSWORD {secret}"),
        )
        .await
        .unwrap();
    postgres.create_database("d", "o\"x").await.unwrap();
    postgres
        .execute("d", "CREATE TABLE t (n int)")
        .await
        .unwrap();
    assert!(postgres.log().contains(secret));
    assert!(postgres.log().contains("CREATE TABLE t"));

    let error = postgres.execute("d", "SELECT nonsense").await.unwrap_err();
    assert!(error.to_string().contains("nonsense"), "{error}");
    let wrong = connect(postgres.port(), "wrong", "d").await.unwrap_err();
    let wrong = told("d")(wrong);
    assert!(
        wrong.to_string().contains("password authentication failed"),
        "{wrong}"
    );
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn it_ends_at_once_though_somebody_is_connected() {
    let (postgres, logs) = start().await;
    let client = postgres.connect(SUPERUSER).await.unwrap();
    let (port, password) = (postgres.port(), postgres.superuser_password().to_owned());
    let directory = postgres.directory().to_owned();
    postgres.stop().await;
    let log = std::fs::read_dir(logs.path()).unwrap().map(|file| {
        let log = std::fs::read(file.unwrap().path()).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    });
    let log: String = log.collect();
    // Of its own accord, and without waiting for the client to leave.
    assert!(log.contains("received immediate shutdown request"), "{log}");
    assert!(log.contains("database system is shut down"), "{log}");
    assert!(!directory.exists());
    assert!(connect(port, &password, SUPERUSER).await.is_err());
    assert!(client.batch_execute("SELECT 1").await.is_err());
}
