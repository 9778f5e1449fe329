//! Who uses a credential, and what its holder could do with it.

use database_servers::redis::{RedisOptions, Users, hash};

use super::nodes::pair;
use super::support::{Customer, Stand, Version, user};
use crate::support::{Log, serving, soon, within};

pub(super) async fn sessions(stand: &Stand, version: &Version) -> (u64, Vec<String>) {
    let (administrator, document) = (stand.administrator(), &version.document);
    let administrator = serving(&administrator, document);
    let asked = stand.services.sessions(document, &administrator, soon());
    let sessions = within(asked).await.unwrap().unwrap();
    (sessions.count, sessions.from)
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn the_connections_of_a_user_are_counted_and_no_others() {
    let (line, password) = user("bob", "~* resetchannels -@all +get +ping");
    let (other, others) = user("bob2", "~* resetchannels -@all +client");
    let stand = Stand::start(RedisOptions::new(Users::AclFile), &[line, other]).await;
    let (first, second) = (
        stand.imported("bob", &password),
        stand.imported("bob2", &others),
    );
    assert_eq!(sessions(&stand, &first).await, (0, Vec::new()));
    let one = stand.customer(&first).await;
    let two: Customer = stand.customer(&first).await;
    let mut another = stand.customer(&second).await;
    // What a client says about itself is not who it is.
    assert_eq!(another.ask("CLIENT SETNAME user=bob").await, "+OK");
    let here = vec!["127.0.0.1".to_owned()];
    assert_eq!(sessions(&stand, &first).await, (2, here.clone()));
    assert_eq!(sessions(&stand, &second).await, (1, here));
    drop((one, two));
    let closed = async {
        while sessions(&stand, &first).await.0 > 0 {
            tokio::task::yield_now().await;
        }
    };
    within(Box::pin(closed)).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn every_node_is_asked() {
    let (one, other, first) = pair().await;
    let _connections = [one.customer(&first).await, other.customer(&first).await];
    assert_eq!(sessions(&one, &first).await.0, 2);
}

/// The rules' reader and the server agree on who may make logins.
#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_user_that_may_make_logins_is_warned_of_and_carried_as_it_is() {
    for (rules, remedy) in [
        ("~* &* +@all", Some("-acl|setuser -config|set")),
        ("~* &* +@all -@admin", None),
        ("~* &* +@all -@dangerous +config|set", Some("-config|set")),
        ("~* &* -@all +@slow -config|set", Some("-acl|setuser")),
        ("~* &* -@all +get +acl|whoami", None),
        ("-@all (~x +acl|setuser)", Some("-acl|setuser")),
    ] {
        let (line, password) = user("bob", rules);
        let stand = Stand::start(RedisOptions::new(Users::AclFile), &[line]).await;
        for (command, right) in [
            (["ACL", "SETUSER", "mallory", "on"], "-acl|setuser"),
            (["CONFIG", "SET", "requirepass", "x"], "-config|set"),
        ] {
            let mut words = vec!["ACL", "DRYRUN", "bob"];
            words.extend(command);
            let said = stand.redis.command(&words).await.unwrap();
            let may = said == redis::Value::Okay;
            let told = remedy.is_some_and(|remedy| remedy.contains(right));
            assert_eq!(may, told, "{rules}: {said:?}");
        }
        let second = stand.imported("bob", &password).next();
        let log = Log::new();
        stand.issue(&second).await.unwrap();
        match remedy {
            Some(remedy) => {
                let due = format!("ACL SETUSER bob {remedy}");
                assert!(log.text().contains(&due), "{rules}: {}", log.text());
            }
            None => assert!(!log.text().contains("ACL SETUSER"), "{rules}"),
        }
        assert!(!log.text().contains(&password) && !log.text().contains(&hash(&password)));
        let of = async |user: &str| {
            let rules = stand.rules(user).await.unwrap();
            // Which an ACL file need not say, being the default.
            String::from_utf8(rules)
                .unwrap()
                .replace("sanitize-payload ", "")
        };
        assert_eq!(of(second.user()).await, of("bob").await);
    }
}
