//! Several servers that must know the same users.

use addon_rotation::deadline::{Deadline, Transient as _};
use addon_rotation::service::{Kind, ServiceError, Verdict};
use database_servers::redis::{ADMINISTRATOR, RedisOptions, Users, hash};
use serde_json::json;

use super::support::{Stand, Version, user};
use crate::support::{once, serving, version_id, within};

/// Two servers with the same users, and a document for both.
pub(super) async fn pair() -> (Stand, Stand, Version) {
    let (line, password) = user("bob", "~* resetchannels -@all +get");
    let users = [line];
    let one = Stand::start(RedisOptions::new(Users::AclFile), &users).await;
    let other = Stand::start(RedisOptions::new(Users::AclFile), &users).await;
    // They have an administrator in common.
    let hash = hash(one.redis.administrator_password());
    let command = ["ACL", "SETUSER", ADMINISTRATOR, &hash];
    other.redis.command(&command).await.unwrap();
    let node = json!([{ "host": "127.0.0.1", "port": other.redis.port() }]);
    let first = one.imported("bob", &password).with("nodes", node);
    (one, other, first)
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn every_node_gets_and_loses_every_user() {
    let (one, mut other, first) = pair().await;
    let second = first.next();
    assert_eq!(second.value["nodes"], first.value["nodes"]);
    one.issue(&second).await.unwrap();
    for stand in [&one, &other] {
        let mut users = stand.redis.live_users().await.unwrap();
        users.retain(|user| user != "bob");
        assert_eq!(users, [second.user()]);
    }
    one.revoke(&first).await.unwrap();
    other.redis.restart().await.unwrap();
    assert_eq!(other.redis.live_users().await.unwrap(), [second.user()]);
    one.expect(&[&second], &[&first]).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn nodes_that_do_not_agree_prove_nothing() {
    let (one, mut other, first) = pair().await;
    other
        .redis
        .command(&["ACL", "DELUSER", "bob"])
        .await
        .unwrap();
    let cut = |error: &ServiceError| error.kind() == Some(Kind::Unreachable);
    let version = version_id();
    for expected in [Verdict::Accepted, Verdict::Refused] {
        let error = once(async |deadline: Deadline| {
            let (services, document) = (&one.services, &first.document);
            let proof = match expected {
                Verdict::Accepted => services.prove_accepted(document, &version, deadline).await,
                Verdict::Refused => services.prove_refused(document, &version, deadline).await,
            };
            proof.unwrap_err()
        })
        .await;
        assert!(error.is_transient());
        let (text, port) = (error.to_string(), other.redis.port().to_string());
        assert!(text.contains("disagree") && text.contains(&port), "{text}");
    }
    // But that one of them lets it in.
    assert_eq!(one.shows_possession(&first).await, Ok(true));
    // Nor does one that cannot be asked.
    other.redis.halt().await;
    let deadline = Deadline::after(std::time::Duration::from_millis(300));
    let error = one.services.verify(&first.document, deadline).await;
    assert!(cut(&error.unwrap_err()));
}

/// A leaked credential can take all the connections that one server has.
#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_node_that_holds_up_a_revocation_does_so_for_itself_alone() {
    let (mut one, other, first) = pair().await;
    let second = first.next();
    one.issue(&second).await.unwrap();
    let fields = one.administrator();
    one.redis.halt().await;
    let error = once(async |deadline: Deadline| {
        let administrator = serving(&fields, &first.document);
        let revoked = one
            .services
            .revoke(&first.document, &administrator, deadline);
        within(revoked).await.unwrap_err()
    })
    .await;
    let (text, port) = (error.to_string(), one.redis.port().to_string());
    assert!(error.is_transient() && text.contains(&port), "{text}");
    assert_eq!(other.redis.live_users().await.unwrap(), [second.user()]);
    one.redis.restart().await.unwrap();
    one.revoke(&first).await.unwrap();
    one.expect(&[&second], &[&first]).await;
}
