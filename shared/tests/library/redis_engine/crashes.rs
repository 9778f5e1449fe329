//! A function, or the server, that ends between two commands of a call.

use database_servers::redis::{RedisOptions, Users, hash};

use super::support::{Customer, Stand, user};

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_user_that_was_not_saved_yet_is_made_and_saved_by_the_next_try() {
    for restarted in [false, true] {
        let (mut stand, first) =
            Stand::enrolled(Users::AclFile, "bob", "~* resetchannels -@all +get").await;
        let second = first.next();
        let hash = hash(second.password());
        let rules = ["~*", "resetchannels", "-@all", "+get", "on", &hash];
        let command = [&["ACL", "SETUSER", second.user()][..], &rules].concat();
        stand.redis.command(&command).await.unwrap();
        if restarted {
            stand.redis.restart().await.unwrap();
            stand.expect(&[], &[&second]).await;
        }
        stand.issue(&second).await.unwrap();
        stand.redis.restart().await.unwrap();
        stand.expect(&[&second], &[]).await;
        let rules = stand.rules(second.user()).await.unwrap();
        assert!(rules.ends_with(b"~* resetchannels -@all +get"), "{rules:?}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_user_whose_model_is_gone_can_be_issued_again() {
    let (stand, first) =
        Stand::enrolled(Users::AclFile, "bob", "~* resetchannels -@all +get").await;
    let second = first.next();
    stand.issue(&second).await.unwrap();
    stand.revoke(&first).await.unwrap();
    let rules = stand.rules(second.user()).await;
    stand.issue(&second).await.unwrap();
    stand.expect(&[&second], &[&first]).await;
    assert_eq!(stand.rules(second.user()).await, rules);
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_revocation_that_was_not_saved_yet_is_made_again() {
    for restarted in [false, true] {
        let (mut stand, first) =
            Stand::enrolled(Users::AclFile, "bob", "~* resetchannels -@all +get").await;
        let second = first.next();
        stand.issue(&second).await.unwrap();
        stand
            .redis
            .command(&["ACL", "DELUSER", "bob"])
            .await
            .unwrap();
        if restarted {
            stand.redis.restart().await.unwrap();
            stand.expect(&[&first], &[]).await;
        }
        stand.revoke(&first).await.unwrap();
        stand.redis.restart().await.unwrap();
        stand.expect(&[&second], &[&first]).await;
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_default_user_that_is_off_already_still_loses_its_connections() {
    let (line, password) = user("default", "~* &* +@all");
    let options = RedisOptions {
        user_lines: Vec::new(),
        ..RedisOptions::new(Users::ConfigurationFile)
    };
    let mut stand = Stand::start(options, &[line]).await;
    let first = stand.imported("default", &password);
    let second = first.next();
    stand.issue(&second).await.unwrap();
    let mut customer: Customer = stand.customer(&first).await;
    let off = ["ACL", "SETUSER", "default", "off", "resetpass"];
    stand.redis.command(&off).await.unwrap();
    assert_eq!(customer.ask("PING").await, "+PONG");
    stand.revoke(&first).await.unwrap();
    assert_eq!(customer.line().await, None);
    stand.redis.restart().await.unwrap();
    stand.expect(&[&second], &[&first]).await;
}
