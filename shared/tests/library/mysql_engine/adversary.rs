//! Whoever has a leaked credential does everything at once that its rights allow to keep it: and it ends all the same.

use addon_rotation::service::Verdict;
use mysql_async::prelude::Queryable as _;
use serde_json::Value;

use super::raw::Raw;
use super::stand::{Server, Stand, username};
use crate::support::{document, eventually, within};

/// What the server shows of a session.
async fn shown(stand: &Stand, raw: &Raw) -> String {
    let query = format!(
        "SELECT CONCAT(USER, ': ', COMMAND) FROM information_schema.PROCESSLIST WHERE ID = {}",
        raw.id
    );
    stand.server.column(&query).await.unwrap().join(", ")
}

/// A session that is shown under a name that nobody has.
async fn changing(stand: &Stand, value: &Value) -> Raw {
    let mut raw = Raw::log_in(stand, value).await;
    assert!(raw.answers("SET net_read_timeout = 1000000").await);
    raw.begin_to_change("nobody").await;
    assert_eq!(shown(stand, &raw).await, "nobody: Change user");
    raw
}

/// A session whose statement was killed before it had any: it is shown as if it ended.
async fn killed(stand: &Stand, value: &Value) -> Raw {
    let raw = Raw::log_in(stand, value).await;
    let mut other = stand.session(value).await;
    let kill = format!("KILL QUERY {}", raw.id);
    other.query_drop(kill).await.unwrap();
    assert_eq!(
        shown(stand, &raw).await,
        format!("{}: Killed", username(value))
    );
    raw
}

#[tokio::test]
#[ignore = "needs MariaDB: cargo xtask test"]
async fn a_session_that_changes_its_user_ends_with_its_own() {
    let stand = Stand::start(Server::MariaDb).await;
    let next = stand.rotate(&stand.imported).await;
    let mut before = changing(&stand, &stand.imported).await;
    assert!(
        before.goes_on_after_a_refusal().await,
        "it is the old user's again"
    );
    let mut hidden = changing(&stand, &stand.imported).await;
    stand.revoke(&document(&stand.imported)).await;
    assert!(!before.answers("DO 1").await);
    assert!(!within(hidden.goes_on_after_a_refusal()).await);
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}

#[tokio::test]
#[ignore = "needs MariaDB: cargo xtask test"]
async fn a_session_whose_statement_is_killed_ends_with_its_user() {
    let stand = Stand::start(Server::MariaDb).await;
    stand.rotate(&stand.imported).await;
    let mut before = killed(&stand, &stand.imported).await;
    assert!(
        before.answers("DO (SELECT COUNT(*) FROM goods)").await,
        "it goes on"
    );
    let mut hidden = killed(&stand, &stand.imported).await;
    stand.revoke(&document(&stand.imported)).await;
    assert!(!within(hidden.answers("DO (SELECT COUNT(*) FROM goods)")).await);
}

/// MySQL goes by what the user was when its name came: locked since, it would be let in.
#[tokio::test]
#[ignore = "needs MySQL: cargo xtask test"]
async fn a_login_that_stalls_ends_with_its_user() {
    let stand = Stand::with(Server::MySql, &["--connect-timeout=3600"]).await;
    stand.rotate(&stand.imported).await;
    let mut stalled = Raw::stall(&stand, username(&stand.imported)).await;
    assert_eq!(
        shown(&stand, &stalled).await,
        "unauthenticated user: Connect"
    );
    stand.revoke(&document(&stand.imported)).await;
    assert!(within(stalled.is_over()).await);
}

/// Any user may let others act for it, and nobody else may pass that on.
#[tokio::test]
#[ignore = "needs MariaDB and MySQL: cargo xtask test"]
async fn a_user_that_lets_others_act_for_it_is_rotated_all_the_same() {
    for server in [Server::MariaDb, Server::MySql] {
        let stand = Stand::start(server).await;
        let own = format!("'{}'@'%'", username(&stand.imported));
        let mut session = stand.session(&stand.imported).await;
        let grant = format!("GRANT PROXY ON {own} TO {own}");
        session.query_drop(grant).await.unwrap();
        let next = stand.rotate(&stand.imported).await;
        assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    }
}

/// What stays, and what holds locks as long as its session is there.
const LEFT: [&str; 6] = [
    "CREATE PROCEDURE restock() INSERT INTO goods VALUES (1, 2)",
    "CREATE EVENT knock ON SCHEDULE EVERY 1 SECOND DO INSERT INTO goods SELECT 7, 7 FROM DUAL WHERE GET_LOCK('a', 0)",
    "CREATE VIEW cheap AS SELECT id FROM goods",
    "CREATE TABLE locked (id INT)",
    "CREATE TABLE held (id INT)",
    "SET PASSWORD = PASSWORD('mine')",
];
const STUBBORN: &str = "CREATE PROCEDURE stubborn() BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION, 1317, 1927 BEGIN END; \
                        LOOP DO SLEEP(1000); END LOOP; END";
const HOLDING: [&str; 6] = [
    "LOCK TABLES locked WRITE",
    "XA START 'held'; INSERT INTO held VALUES (1); XA END 'held'; XA PREPARE 'held'",
    "START TRANSACTION; UPDATE goods SET price = 9",
    "DO GET_LOCK('held', 0); HANDLER goods OPEN",
    "SET SESSION wait_timeout = 1000000, net_read_timeout = 1000000",
    "CREATE TEMPORARY TABLE user (User TEXT)",
];

/// Logs in whenever it can: until it is refused as such.
async fn knock(port: u16, user: String, password: String) -> u16 {
    loop {
        let options = mysql_async::OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(port)
            .user(Some(&user))
            .pass(Some(&password))
            .prefer_socket(false);
        match mysql_async::Conn::new(options).await {
            Ok(mut session) => {
                let set = format!("SET PASSWORD = PASSWORD('{password}')");
                while session.query_drop(&set).await.is_ok() {}
            }
            Err(mysql_async::Error::Server(error)) if error.code != 1040 => return error.code,
            Err(_) => {}
        }
    }
}

#[tokio::test]
#[ignore = "needs MariaDB: cargo xtask test"]
async fn a_hostile_holder_does_not_outlive_the_grace_period() {
    let stand = Stand::with(
        Server::MariaDb,
        &["--event-scheduler=ON", "--max-connections=60"],
    )
    .await;
    let mut leaked = stand.imported.clone();
    let next = stand.rotate(&leaked).await;
    let mut open = Vec::new();
    for statement in LEFT.iter().chain([&STUBBORN]) {
        let mut session = stand.session(&leaked).await;
        session.query_drop("USE shop").await.unwrap();
        session.query_drop(*statement).await.unwrap();
        if statement.contains("PASSWORD") {
            leaked["password"] = "mine".into();
        }
        open.push(session);
    }
    for statements in HOLDING {
        let mut session = stand.session(&leaked).await;
        session.query_drop("USE shop").await.unwrap();
        for statement in statements.split("; ") {
            session.query_drop(statement).await.unwrap();
        }
        open.push(session);
    }
    let mut stubborn = open.remove(0);
    let stubborn = tokio::spawn(async move { stubborn.query_drop("CALL shop.stubborn()").await });
    let mut hidden = Vec::new();
    for _ in 0..3 {
        hidden.push(changing(&stand, &leaked).await);
    }
    let mut killed = killed(&stand, &leaked).await;
    let knocking: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn(knock(
                stand.server.port(),
                username(&leaked).to_owned(),
                "mine".to_owned(),
            ))
        })
        .collect();

    stand.revoke(&document(&stand.imported)).await;
    for mut session in open {
        assert!(session.query_drop("SELECT 1").await.is_err());
    }
    assert!(within(stubborn).await.unwrap().is_err());
    for mut session in hidden {
        assert!(!within(session.goes_on_after_a_refusal()).await);
    }
    assert!(!within(killed.answers("DO 1")).await);
    let left = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER IN ('shop', 'nobody')";
    assert!(eventually(async || stand.server.column(left).await.unwrap().is_empty()).await);
    for refused in knocking {
        // Locked, or gone.
        let code = within(refused).await.unwrap();
        assert!([1045, 4151].contains(&code), "{code}");
    }
    for value in [&stand.imported, &leaked] {
        assert_eq!(stand.verdict(value).await, Verdict::Refused);
    }
    // What it has defined is there, and its user with it, which nobody is.
    assert!(stand.has_user(&leaked).await);
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}
