//! What keeps the users over a restart: a server that was rotated starts again, whatever its users come
//! from.

use addon_rotation::service::{Kind, ServiceError};
use database_servers::redis::{ADMINISTRATOR, RedisOptions, Users};

use super::support::{Stand, Version, asking};
use crate::support::{random, serving, soon, within};

/// Users that no ACL file holds, and the server's users after a restart are as before.
#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_server_without_an_acl_file_is_left_alone_and_starts_again() {
    for users in [
        Users::IncludedFile,
        Users::CommandLine,
        Users::ConfigurationFile,
    ] {
        let (mut stand, first) = Stand::enrolled(users, "bob", "~* resetchannels -@all +get").await;
        let second = first.next();
        let before = stand.saved();
        let error = issue(&stand, &second, "acl-file").await.unwrap_err();
        let text = error.to_string();
        assert!(error.kind() == Some(Kind::Rejected), "{text}");
        for words in ["aclfile", "persist_users", "included file", "command line"] {
            assert!(text.contains(words), "{text}");
        }
        stand.expect(&[&first], &[&second]).await;
        assert_eq!(stand.redis.live_users().await.unwrap(), ["bob"]);
        assert_eq!(stand.saved(), before);
        stand.redis.restart().await.unwrap();
        stand.expect(&[&first], &[&second]).await;
    }
}

/// The credential ends all the same; that it comes back with a restart is told.
#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_revocation_ends_the_credential_before_it_looks_at_files() {
    let (mut stand, first) =
        Stand::enrolled(Users::IncludedFile, "bob", "~* resetchannels -@all +get").await;
    let error = stand.revoke(&first).await.unwrap_err();
    assert!(error.to_string().contains("a restart"), "{error}");
    stand.expect(&[], &[&first]).await;
    stand.redis.restart().await.unwrap();
    stand.expect(&[&first], &[]).await;
}

/// `requirepass` alone. With an ACL file a server takes no notice of it.
#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_password_in_the_configuration_file_stays_the_only_login() {
    let password = random();
    let options = RedisOptions {
        user_lines: Vec::new(),
        settings: vec![format!("requirepass {password}")],
        ..RedisOptions::new(Users::ConfigurationFile)
    };
    let mut stand = Stand::start(options, &[]).await;
    let first = stand.imported("", &password);
    let second = first.next();
    let error = issue(&stand, &second, "acl-file").await.unwrap_err();
    assert!(error.to_string().contains("persist_users"), "{error}");
    stand.redis.restart().await.unwrap();
    stand.expect(&[&first], &[&second]).await;
    assert_eq!(stand.redis.live_users().await.unwrap(), ["default"]);
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn another_word_than_the_two_is_refused() {
    let (stand, first) = Stand::enrolled(
        Users::ConfigurationFile,
        "bob",
        "~* resetchannels -@all +get",
    )
    .await;
    let second = first.next();
    let error = issue(&stand, &second, "config_rewrite").await.unwrap_err();
    assert!(
        matches!(error, ServiceError::AdministratorOption { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("config-rewrite"), "{error}");
    assert_eq!(stand.redis.live_users().await.unwrap(), ["bob"]);
}

/// As the administrator's secret would have it that says this of the server's files.
async fn issue(stand: &Stand, version: &Version, persist_users: &str) -> Result<(), ServiceError> {
    let password = stand.redis.administrator_password();
    let asking = asking(ADMINISTRATOR, password, persist_users);
    let document = &version.document;
    within(
        stand
            .services
            .issue(document, &serving(&asking, document), soon()),
    )
    .await
}
