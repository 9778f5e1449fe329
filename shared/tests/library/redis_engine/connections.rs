//! A revocation ends the user's connections, whatever they are doing, and no others.

use database_servers::redis::{RedisOptions, Users};

use super::support::{Customer, Stand, user};

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn connections_end_with_their_user_and_others_go_on() {
    for name in ["bob", "default"] {
        let (line, password) = user(name, "~* &* +@all");
        let options = RedisOptions {
            user_lines: Vec::new(),
            ..RedisOptions::new(Users::AclFile)
        };
        let stand = Stand::start(options, &[line]).await;
        let first = stand.imported(name, &password);
        let second = first.next();
        stand.issue(&second).await.unwrap();

        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (version, connections) in [(&first, &mut old), (&second, &mut new)] {
            let mut idle = stand.customer(version).await;
            assert_eq!(idle.ask("PING").await, "+PONG");
            let mut blocked = stand.customer(version).await;
            blocked.say("BLPOP queue 0").await;
            let mut subscriber = stand.customer(version).await;
            subscriber.say("SUBSCRIBE news").await;
            subscriber.until(":1").await;
            let mut transaction = stand.customer(version).await;
            assert_eq!(transaction.ask("MULTI").await, "+OK");
            connections.extend([idle, blocked, subscriber, transaction]);
        }
        stand.blocked(2).await;

        stand.revoke(&first).await.unwrap();
        for mut connection in old {
            assert_eq!(connection.line().await, None);
        }
        stand
            .redis
            .command(&["LPUSH", "queue", "element"])
            .await
            .unwrap();
        stand
            .redis
            .command(&["PUBLISH", "news", "message"])
            .await
            .unwrap();
        let [idle, blocked, subscriber, transaction] = new.try_into().ok().unwrap();
        let [mut idle, mut blocked, mut subscriber, mut transaction]: [Customer; 4] =
            [idle, blocked, subscriber, transaction];
        assert_eq!(idle.ask("PING").await, "+PONG");
        blocked.until("element").await;
        subscriber.until("message").await;
        assert_eq!(transaction.ask("PING").await, "+QUEUED");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn issuing_again_disturbs_nobody_who_uses_the_credential_already() {
    let (stand, first) = Stand::enrolled(Users::AclFile, "bob", "~* &* +@all").await;
    let second = first.next();
    stand.issue(&second).await.unwrap();
    let mut subscriber = stand.customer(&second).await;
    subscriber.say("SUBSCRIBE news").await;
    subscriber.until(":1").await;
    stand.issue(&second).await.unwrap();
    stand
        .redis
        .command(&["PUBLISH", "news", "message"])
        .await
        .unwrap();
    subscriber.until("message").await;
}
