//! What is refused before anything is done.

use addon_rotation::deadline::Transient as _;
use addon_rotation::service::{Kind, ServiceError};
use database_servers::redis::{ADMINISTRATOR, RedisOptions, Users, hash};

use super::support::{Stand, administrator, asking, user};
use crate::support::{issue, random, revoke, serving, soon, within};

fn rejected(error: &ServiceError, words: &[&str]) {
    let text = error.to_string();
    assert!(error.kind() == Some(Kind::Rejected), "{error:?}");
    assert!(!error.is_transient());
    for word in words {
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_user_without_a_model_is_not_made_up() {
    let stand = Stand::start(RedisOptions::new(Users::AclFile), &[]).await;
    let first = stand.imported("bob", &random());
    let error = stand.issue(&first).await.unwrap_err();
    rejected(&error, &["no user \"bob\"", "rules_from"]);
    let error = stand.issue(&first.next()).await.unwrap_err();
    rejected(&error, &["no user \"bob\"", "whose rules"]);
    assert!(stand.redis.live_users().await.unwrap().is_empty());
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn an_administrator_does_not_end_itself() {
    let (line, password) = user("default", "~* &* +@all");
    let options = RedisOptions {
        user_lines: Vec::new(),
        ..RedisOptions::new(Users::AclFile)
    };
    let stand = Stand::start(options, &[line]).await;
    let first = stand.imported("", &password);
    let (second, itself) = (first.next(), administrator("default", &password));
    let services = &stand.services;
    let issued = within(issue(services, &itself, &second.document)).await;
    let revoked = within(revoke(services, &itself, &first.document)).await;
    for error in [issued.unwrap_err(), revoked.unwrap_err()] {
        rejected(&error, &["logs in as \"default\"", "a user of its own"]);
        assert!(!error.to_string().contains(&password));
    }
    assert_eq!(stand.redis.live_users().await.unwrap(), ["default"]);
    stand.expect(&[&first], &[&second]).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_replica_that_logs_in_as_the_user_is_refused_at_enrolment_and_keeps_nothing_alive() {
    let (line, password) = user("default", "~* &* +@all");
    let options = RedisOptions {
        user_lines: vec![line],
        ..RedisOptions::new(Users::AclFile)
    };
    let stand = Stand::start(options.clone(), &[]).await;
    let first = stand.imported("", &password);
    let second = first.next();
    stand.issue(&second).await.unwrap();
    let mut replica = options;
    replica.settings = vec![
        format!("replicaof 127.0.0.1 {}", stand.redis.port()),
        format!("masterauth {password}"),
    ];
    let replica = Stand::start(replica, &[]).await;
    connected(&replica).await;
    let error = stand.rehearse(&first.next()).await.unwrap_err();
    rejected(&error, &["a replica logs in as \"default\"", "masteruser"]);

    // What leaked may run PSYNC, and ends all the same.
    let third = first.next();
    stand.issue(&third).await.unwrap();
    stand.revoke(&first).await.unwrap();
    stand.expect(&[&second, &third], &[&first]).await;

    let (user, password) = (ADMINISTRATOR, stand.redis.administrator_password());
    for (setting, value) in [("masteruser", user), ("masterauth", password)] {
        let command = ["CONFIG", "SET", setting, value];
        replica.redis.command(&command).await.unwrap();
    }
    connected(&replica).await;
    stand.rehearse(&second.next()).await.unwrap();
}

async fn connected(replica: &Stand) {
    let poll = async {
        loop {
            let info = replica
                .redis
                .command(&["INFO", "replication"])
                .await
                .unwrap();
            let info: String = redis::from_redis_value(info).unwrap();
            if info.contains("master_link_status:up") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within(poll).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_server_that_would_forget_its_users_is_refused_unless_the_document_says_so() {
    let password = random();
    let line = format!("bob on {} ~* &* +@all", hash(&password));
    let mut stand = Stand::start(RedisOptions::new(Users::Nowhere), &[line]).await;
    let first = stand.imported("bob", &password);
    let error = stand.issue(&first.next()).await.unwrap_err();
    rejected(&error, &["no ACL file", "persistence", "persist_users"]);
    let asking = asking(
        ADMINISTRATOR,
        stand.redis.administrator_password(),
        "config-rewrite",
    );
    let document = first.next().document;
    let asking = serving(&asking, &document);
    let issued = stand.services.issue(&document, &asking, soon());
    rejected(
        &within(issued).await.unwrap_err(),
        &[
            "neither an ACL file nor a configuration file",
            "persistence",
        ],
    );
    assert_eq!(stand.redis.live_users().await.unwrap(), ["bob"]);
    let first = first.with("persistence", "none");
    let second = first.next();
    stand.issue(&second).await.unwrap();
    stand.revoke(&first).await.unwrap();
    stand.expect(&[&second], &[&first]).await;
    stand.redis.restart().await.unwrap();
    stand.expect(&[&first], &[&second]).await;
}
