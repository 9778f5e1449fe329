//! Rotations, with a restart of the server between issue and revocation.

use database_servers::redis::{RedisOptions, Users, hash};

use super::support::{Customer, Stand, Version, user};

const FILES: [Users; 2] = [Users::AclFile, Users::ConfigurationFile];

/// A server without a user `default` of its own.
pub(super) fn without_default(users: Users) -> RedisOptions {
    RedisOptions {
        user_lines: Vec::new(),
        ..RedisOptions::new(users)
    }
}

/// From the first version to the second, each call repeated, the server restarted in between.
pub(super) async fn rotate(stand: &mut Stand, first: &Version) -> Version {
    stand.expect(&[first], &[]).await;
    let second = first.next();
    stand.expect(&[], &[&second]).await;
    for _ in 0..2 {
        stand.issue(&second).await.unwrap();
        stand.expect(&[first, &second], &[]).await;
    }
    stand.redis.restart().await.unwrap();
    stand.expect(&[first, &second], &[]).await;
    for _ in 0..2 {
        stand.revoke(first).await.unwrap();
        stand.expect(&[&second], &[first]).await;
    }
    stand.redis.restart().await.unwrap();
    stand.expect(&[&second], &[first]).await;
    second
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn the_imported_default_user_ends_switched_off() {
    for users in FILES {
        let (line, password) = user("default", "~* &* +@all");
        let mut stand = Stand::start(without_default(users), &[line]).await;
        let first = stand.imported("default", &password);
        assert!(stand.saved().contains(&hash(&password)));
        let second = rotate(&mut stand, &first).await;
        assert!(!stand.saved().contains(&hash(&password)));
        assert_eq!(stand.redis.live_users().await.unwrap(), [second.user()]);
        let rules = stand.rules(second.user()).await.unwrap();
        assert!(rules.ends_with(b"~* &* +@all"), "{rules:?}");
        // Nor may anybody do anything without a login.
        let mut stranger = Customer::connect(stand.redis.port()).await;
        let answer = stranger.ask("PING").await;
        assert!(answer.starts_with("-NOAUTH"), "{answer}");

        let third = rotate(&mut stand, &second).await;
        assert_eq!(stand.redis.live_users().await.unwrap(), [third.user()]);
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_login_by_password_alone_is_the_default_user() {
    let (_, password) = user("", "");
    let mut options = without_default(Users::ConfigurationFile);
    options.settings.push(format!("requirepass {password}"));
    let mut stand = Stand::start(options, &[]).await;
    let first = stand.imported("", &password);
    let port = stand.redis.port();
    let shown = first.document.render().unwrap();
    assert_eq!(
        shown.get("ACME_URL").unwrap(),
        format!("redis://:{password}@127.0.0.1:{port}")
    );
    let second = rotate(&mut stand, &first).await;
    assert_eq!(second.value["rules_from"], "default");
    // Whatever form the old login takes.
    stand
        .expect(&[], &[&first.with("username", "default")])
        .await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn whoever_claims_a_user_without_a_password_gets_nothing_of_it() {
    for name in ["default", "tenant-b"] {
        let line = format!("{name} on nopass ~* &* +@all");
        let mut stand = Stand::start(without_default(Users::AclFile), &[line]).await;
        let claimed = stand.imported(name, "anything");
        stand.expect(&[&claimed], &[]).await;
        let next = claimed.next();
        let tries = [
            stand.issue(&next).await,
            stand.shows_possession(&claimed).await.map(drop),
        ];
        for error in tries.map(Result::unwrap_err) {
            for words in [&format!("{name:?}"), "nopass", "resetpass"] {
                assert!(error.to_string().contains(words), "{error}");
            }
        }
        // With a password of its own it is rotated as any other.
        let command = ["ACL", "SETUSER", name, "resetpass", ">its own now"];
        stand.redis.command(&command).await.unwrap();
        let own = claimed.with("password", "its own now");
        assert_eq!(stand.shows_possession(&own).await, Ok(true));
        assert_eq!(stand.shows_possession(&claimed).await, Ok(false));
        let next = rotate(&mut stand, &own).await;
        stand.expect(&[&next], &[&claimed, &own]).await;
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn every_kind_of_rule_goes_from_version_to_version() {
    for users in FILES {
        let (line, password) = user(
            "bob",
            "skip-sanitize-payload ~own:* %R~public:* resetchannels &news:* -@all +@read +set -hgetall +client|list (~queue:* +lpush +blpop) (%W~log:* +@write -del)",
        );
        let (other, _) = user("carol", "~carol:* resetchannels -@all +get");
        let mut stand = Stand::start(RedisOptions::new(users), &[line, other]).await;
        let second_password = ["ACL", "SETUSER", "bob", ">another of his passwords"];
        stand.redis.command(&second_password).await.unwrap();
        // A pattern need not be text.
        let bytes: [&[u8]; 4] = [b"ACL", b"SETUSER", b"bob", b"~bin:\xff\xfe*"];
        stand.redis.command(&bytes).await.unwrap();
        let carol = stand.rules("carol").await;
        let first = stand.imported("bob", &password);
        let (mut version, rules) = (first.clone(), stand.rules("bob").await.unwrap());
        let text = String::from_utf8_lossy(&rules).into_owned();
        assert!(
            text.contains("(%W~log:* ") && text.contains("%R~public:*"),
            "{text}"
        );
        for _ in 0..3 {
            // A rehearsal finds everything in order, and leaves nothing.
            let list = ["ACL", "LIST"];
            let before = stand.redis.command(&list).await.unwrap();
            stand.rehearse(&version.next()).await.unwrap();
            assert_eq!(stand.redis.command(&list).await.unwrap(), before);
            let next = version.next();
            stand.issue(&next).await.unwrap();
            // The server orders some of a user's rules anew at each of its starts.
            for _ in 0..2 {
                let copied = stand.rules(next.user()).await;
                assert!(copied.is_some());
                assert_eq!(copied, stand.rules(version.user()).await);
                stand.redis.restart().await.unwrap();
            }
            stand.revoke(&version).await.unwrap();
            version = next;
        }
        let mut customer = stand.customer(&version).await;
        assert_eq!(customer.ask("SET own:1 x").await, "+OK");
        assert_eq!(customer.ask("LPUSH queue:1 x").await, ":1");
        for refused in [
            "SET public:1 x",
            "GET carol:1",
            "LPUSH own:2 x",
            "PUBLISH news:1 x",
        ] {
            let answer = customer.ask(refused).await;
            assert!(answer.starts_with("-NOPERM"), "{refused}: {answer}");
        }
        assert_eq!(stand.rules("bob").await, None);
        assert_eq!(stand.rules("carol").await, carol);
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn two_rotations_within_one_grace_period_leave_three_logins() {
    let (line, password) = user("default", "~* &* +@all");
    let mut stand = Stand::start(without_default(Users::AclFile), &[line]).await;
    let first = stand.imported("default", &password);
    let second = first.next();
    stand.issue(&second).await.unwrap();
    let third = second.next();
    stand.issue(&third).await.unwrap();
    stand.redis.restart().await.unwrap();
    stand.expect(&[&first, &second, &third], &[]).await;
    // In the wrong order, as Scheduler may well do it.
    stand.revoke(&second).await.unwrap();
    stand.expect(&[&first, &third], &[&second]).await;
    stand.revoke(&first).await.unwrap();
    stand.redis.restart().await.unwrap();
    stand.expect(&[&third], &[&first, &second]).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn an_operator_may_change_a_users_rules_between_rotations() {
    let (stand, first) =
        Stand::enrolled(Users::AclFile, "bob", "~* resetchannels -@all +get").await;
    let second = first.next();
    stand.issue(&second).await.unwrap();
    stand
        .redis
        .command(&["ACL", "SETUSER", second.user(), "+set"])
        .await
        .unwrap();
    let changed = stand.rules(second.user()).await;
    // A rotation that is taken up again leaves the user as it is.
    stand.issue(&second).await.unwrap();
    assert_eq!(stand.rules(second.user()).await, changed);
    let third = second.next();
    stand.issue(&third).await.unwrap();
    assert_eq!(stand.rules(third.user()).await, changed);
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn valkey_is_another_name() {
    let (line, password) = user("bob", "~* &* +@all");
    let mut stand = Stand::start(RedisOptions::new(Users::AclFile), &[line]).await;
    let first = stand.imported("bob", &password).with("engine", "valkey");
    let second = rotate(&mut stand, &first).await;
    assert_eq!(second.value["engine"], "valkey");
}
