//! A server or an administrator that is not as it must be: a clear error, nothing lost, and a later
//! try succeeds.

use std::fs;
use std::time::Duration;

use addon_rotation::deadline::Deadline;
use addon_rotation::service::{Kind, ServiceError, Verdict};
use database_servers::postgres::{ADMINISTRATOR, SUPERUSER};

use super::support::{Stand, Version, administrator, execute, username};
use crate::support::{eventually, in_time, random, soon};

on_each!(
    a_server_that_is_down,
    a_server_that_takes_no_connections_yet,
    a_server_that_hangs,
    a_standby,
    a_server_full_of_connections,
    a_wrong_administrator,
    an_administrator_without_rights,
    a_network_that_pg_hba_does_not_know,
    a_database_that_the_customer_may_not_enter,
    the_administrators_own_role,
    a_role_that_does_not_act_as_the_owner,
);

/// Whether an error has these words: no deadline ended the attempt before the server said so.
fn says(parts: &[&str]) -> impl Fn(&ServiceError) -> bool {
    |error| {
        let text = error.to_string();
        parts.iter().all(|part| text.contains(part))
    }
}

/// What every call that takes the administrator says.
async fn every_call(stand: &mut Stand, transient: bool, parts: &[&str]) {
    let imported = stand.imported.clone();
    let next = stand.next(&imported);
    let issue = async |deadline| stand.issue(&next, deadline).await.unwrap_err();
    let revoke = async |deadline| stand.revoke(&imported, deadline).await.unwrap_err();
    let rehearse = async |deadline| stand.rehearse(&next, deadline).await.unwrap_err();
    let said = [
        in_time(says(parts), issue).await,
        in_time(says(parts), revoke).await,
        in_time(says(parts), rehearse).await,
    ];
    for error in said {
        stand.assert_says(&error, transient, parts);
    }
}

/// Rotation and revocation succeed after all, of roles that are logged in.
async fn recovers(stand: &mut Stand) {
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let second = stand.issued(&first).await;
    for value in [&imported, &first] {
        let client = stand.log_in(value, "shop").await;
        stand.revoked(value).await;
        assert!(client.batch_execute("SELECT 1").await.is_err());
    }
    assert_eq!(stand.verdict(&second).await, Verdict::Accepted);
}

async fn verify_says(stand: &Stand, transient: bool, parts: &[&str]) {
    let document = stand.at("127.0.0.1");
    let verify = async |deadline| {
        let verify = stand.services.verify(&document, deadline);
        verify.await.unwrap_err()
    };
    let error = in_time(says(parts), verify).await;
    stand.assert_says(&error, transient, parts);
}

async fn a_server_that_is_down(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    stand.server.halt().await;
    let parts = ["the connection was refused", "Check that the server runs"];
    every_call(&mut stand, true, &parts).await;
    verify_says(&stand, true, &parts).await;
    stand.server.resume(&[]).await.unwrap();
    recovers(&mut stand).await;
}

async fn a_server_that_hangs(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let next = stand.next(&imported);
    stand.server.freeze(true).unwrap();
    let briefly = || Deadline::after(Duration::from_millis(700));
    let issued = stand.issue(&next, briefly()).await.unwrap_err();
    let revoked = stand.revoke(&imported, briefly()).await.unwrap_err();
    stand.server.freeze(false).unwrap();
    for error in [issued, revoked] {
        stand.assert_says(&error, true, &["no answer in time"]);
    }
    recovers(&mut stand).await;
}

async fn a_server_that_takes_no_connections_yet(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    stand.server.halt().await;
    let signal = stand.server.data().join("standby.signal");
    fs::write(&signal, "").unwrap();
    stand.server.resume(&["hot_standby=off"]).await.unwrap();
    let parts = ["57P03", "has started"];
    every_call(&mut stand, true, &parts).await;
    verify_says(&stand, true, &parts).await;
    stand.server.halt().await;
    fs::remove_file(&signal).unwrap();
    stand.server.resume(&[]).await.unwrap();
    recovers(&mut stand).await;
}

async fn a_standby(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    stand.server.halt().await;
    let signal = stand.server.data().join("standby.signal");
    fs::write(&signal, "").unwrap();
    stand.server.resume(&[]).await.unwrap();
    every_call(&mut stand, true, &["25006", "standby", "primary"]).await;
    let imported = stand.imported.clone();
    assert_eq!(stand.verdict(&imported).await, Verdict::Accepted);
    stand.server.halt().await;
    fs::remove_file(&signal).unwrap();
    stand.server.resume(&[]).await.unwrap();
    recovers(&mut stand).await;
}

async fn a_server_full_of_connections(version: Version) {
    let settings = ["max_connections=6", "superuser_reserved_connections=2"];
    let mut stand = Stand::start(version, &settings).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(stand.log_in(&stand.imported, "shop").await);
    }
    let parts = ["53300", "max_connections"];
    every_call(&mut stand, true, &parts).await;
    // The slots that are left are a superuser's, which the server says after it has checked the password.
    let imported = stand.imported.clone();
    assert_eq!(stand.verdict(&imported).await, Verdict::Accepted);
    let mut wrong = imported.clone();
    wrong["password"] = random().into();
    assert_eq!(stand.verdict(&wrong).await, Verdict::Refused);
    // With none left at all it asks for no password.
    let mut superusers = Vec::new();
    while let Ok(client) = stand.server.connect(SUPERUSER).await {
        superusers.push(client);
    }
    verify_says(&stand, true, &parts).await;
    drop((sessions, superusers));
    recovers(&mut stand).await;
}

async fn a_wrong_administrator(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let right = std::mem::replace(
        &mut stand.administrator,
        administrator(ADMINISTRATOR, &random()),
    );
    every_call(&mut stand, false, &["28P01", "masterarn"]).await;
    stand.administrator = right;
    recovers(&mut stand).await;
}

async fn an_administrator_without_rights(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let admin = format!("\"{ADMINISTRATOR}\"");
    let less = format!("ALTER ROLE {admin} NOCREATEROLE; REVOKE customer FROM {admin}");
    stand.server.execute(SUPERUSER, &less).await.unwrap();
    every_call(&mut stand, false, &["42501", "CREATEROLE", "ADMIN OPTION"]).await;
    let enough = format!(
        "ALTER ROLE {admin} CREATEROLE NOINHERIT; GRANT customer TO {admin} WITH ADMIN OPTION"
    );
    stand.server.execute(SUPERUSER, &enough).await.unwrap();
    if version < Version(16) {
        // There the privileges of a membership are an attribute of the member.
        let inherit = format!("ALTER ROLE {admin} INHERIT");
        stand.server.execute(SUPERUSER, &inherit).await.unwrap();
    }
    recovers(&mut stand).await;
}

async fn a_network_that_pg_hba_does_not_know(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let file = stand.server.data().join("pg_hba.conf");
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, "host all postgres all scram-sha-256\n").unwrap();
    reload(&stand).await;
    let parts = ["pg_hba.conf", "Allow this role"];
    every_call(&mut stand, false, &parts).await;
    verify_says(&stand, false, &parts).await;
    fs::write(&file, before).unwrap();
    reload(&stand).await;
    recovers(&mut stand).await;
}

/// Has the server read its files again, and waits until new sessions go by them.
async fn reload(stand: &Stand) {
    let reload = "SELECT pg_reload_conf()";
    let loaded = async || stand.ask(SUPERUSER, "SELECT pg_conf_load_time()").await;
    let before = loaded().await;
    stand.ask(SUPERUSER, reload).await;
    assert!(eventually(async || loaded().await != before).await);
}

async fn a_database_that_the_customer_may_not_enter(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let closed = "REVOKE ALL ON DATABASE shop FROM PUBLIC, customer";
    stand.server.execute(SUPERUSER, closed).await.unwrap();
    verify_says(&stand, false, &["42501", "CONNECT", "owner's role"]).await;
    let open = "GRANT ALL ON DATABASE shop TO PUBLIC";
    stand.server.execute(SUPERUSER, open).await.unwrap();
    recovers(&mut stand).await;
}

async fn the_administrators_own_role(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let password = random();
    let own = format!("CREATE ROLE own LOGIN CREATEROLE PASSWORD '{password}'");
    stand.server.execute(SUPERUSER, &own).await.unwrap();
    stand.imported["username"] = "own".into();
    stand.imported["password"] = password.as_str().into();
    stand.administrator = administrator("own", &password);
    every_call(
        &mut stand,
        false,
        &["\"own\"", "is the administrator's own"],
    )
    .await;
    let imported = stand.imported.clone();
    assert_eq!(stand.verdict(&imported).await, Verdict::Accepted);
}

async fn a_role_that_does_not_act_as_the_owner(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let client = stand.log_in(&first, "shop").await;
    let alone = format!("SET ROLE NONE; ALTER ROLE {} RESET role", username(&first));
    execute(&client, &alone).await;
    let document = crate::support::document(&first);
    let error = stand.services.verify(&document, soon()).await.unwrap_err();
    assert!(error.kind() == Some(Kind::KeptOut));
    stand.assert_says(&error, false, &["not as \"customer\""]);
    // Issued once more, it does.
    stand.issue(&first, soon()).await.unwrap();
    assert_eq!(stand.verdict(&first).await, Verdict::Accepted);
}
