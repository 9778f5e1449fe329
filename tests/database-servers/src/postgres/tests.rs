use std::sync::Arc;

use tools::{ensure_postgres, target_directory};

use super::*;

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn it_serves_with_passwords_and_logs_every_statement() {
    let target = target_directory(&tools::workspace());
    let programs = ensure_postgres(&target, Arc::new(|_: &str| ()))
        .await
        .unwrap();
    let logs = tempfile::tempdir().unwrap();
    let postgres = Postgres::start(&programs, logs.path()).await.unwrap();
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
