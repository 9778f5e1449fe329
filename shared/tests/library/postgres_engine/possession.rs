//! A login is what its own session says that it is, whatever the document claims.

use addon_rotation::service::Verdict;
use database_servers::postgres::SUPERUSER;

use super::support::{Stand, Version, answer, execute};
use crate::support::{document, random, serving, soon};

on_each!(
    an_owner_that_the_login_does_not_act_as_is_named,
    a_role_that_acts_as_another_is_followed_by_one_that_does,
    an_owner_is_not_believed_because_no_connection_is_free,
    an_owner_that_the_role_is_no_member_of_gets_nothing_in_the_end,
    an_owner_is_not_believed_because_the_role_is_gone,
    anothers_role_with_a_password_that_is_not_its_own_is_refused,
);

/// What a customer may define in a database of its own, so that whatever is compared there is equal.
const EQUAL: &str = "CREATE SCHEMA evil; \
    CREATE FUNCTION evil.eq(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true'; \
    CREATE FUNCTION evil.eq(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'; \
    CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'; \
    CREATE OPERATOR evil.= (leftarg = name, rightarg = name, function = evil.eq); \
    CREATE OPERATOR evil.= (leftarg = name, rightarg = text, function = evil.eq); \
    CREATE OPERATOR evil.= (leftarg = text, rightarg = text, function = evil.eq); \
    ALTER ROLE customer SET search_path TO evil, pg_catalog";

async fn an_owner_that_the_login_does_not_act_as_is_named(version: Version) {
    let stand = Stand::start(version, &[]).await;
    stand
        .server
        .create_role("tenant_b", &random())
        .await
        .unwrap();
    let mut claimed = stand.imported.clone();
    claimed["owner"] = "tenant_b".into();
    let names_both = async || {
        let verified = stand.services.verify(&document(&claimed), soon()).await;
        let error = verified.unwrap_err();
        stand.assert_says(&error, false, &["\"customer\"", "\"tenant_b\" (owner)"]);
    };
    names_both().await;

    let client = stand.log_in(&stand.imported, "shop").await;
    execute(&client, EQUAL).await;
    let client = stand.log_in(&stand.imported, "shop").await;
    let fooled = answer(&client, "SELECT 1 WHERE current_user = 'tenant_b'").await;
    assert_eq!(fooled, "1", "the trap is none");
    names_both().await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
}

async fn a_role_that_acts_as_another_is_followed_by_one_that_does(version: Version) {
    for owner in [None, Some("grp")] {
        let mut stand = Stand::start(version, &[]).await;
        let acts = "CREATE ROLE grp; GRANT grp TO customer; ALTER ROLE customer NOINHERIT; \
                    ALTER ROLE customer SET role TO grp; \
                    ALTER ROLE customer IN DATABASE archive SET role TO none; \
                    CREATE SCHEMA theirs AUTHORIZATION grp; GRANT grp TO \"acme admin\" WITH ADMIN OPTION";
        stand.server.execute("shop", acts).await.unwrap();
        if let Some(owner) = owner {
            stand.imported["owner"] = owner.into();
        }
        let imported = stand.imported.clone();
        let first = stand.issued(&imported).await;
        let second = stand.issued(&first).await;
        stand.revoked(&imported).await;
        stand.revoked(&first).await;
        let client = stand.log_in(&second, "shop").await;
        assert_eq!(answer(&client, "SELECT current_user").await, "grp");
        execute(&client, "CREATE TABLE theirs.t (n int)").await;
        if owner.is_none() {
            // Where the imported login does not act as the group, nor does the version.
            let client = stand.log_in(&second, "archive").await;
            assert_eq!(answer(&client, "SELECT current_user").await, "customer");
        }
    }
}

/// It may have been revoked while it was shown that it logs in.
async fn an_owner_is_not_believed_because_the_role_is_gone(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    stand
        .server
        .create_role("tenant_b", &random())
        .await
        .unwrap();
    let imported = stand.imported.clone();
    let mut claimed = stand.issued(&imported).await;
    stand.revoked(&claimed).await;
    claimed["owner"] = "tenant_b".into();
    let next = stand.next(&claimed);
    let error = stand.issue(&next, soon()).await.unwrap_err();
    stand.assert_says(&error, false, &["no role", "tenant_b"]);
    let made = "SELECT count(*)::text FROM pg_roles WHERE rolname LIKE 'u\\_%'";
    assert_eq!(stand.ask(SUPERUSER, made).await, "0");

    // As after a restore, where an operator says whose the owner is.
    claimed["owner"] = "customer".into();
    let next = stand.next(&claimed);
    stand.issue(&next, soon()).await.unwrap_err();
    let document = document(&next);
    let administrator = serving(&stand.administrator, &document);
    let issued = stand
        .services
        .issue_vouched(&document, &administrator, soon());
    issued.await.unwrap();
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}

/// A login whose every connection is in use shows its password, and not whose role it becomes.
async fn an_owner_is_not_believed_because_no_connection_is_free(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let tenant_b = "ALTER ROLE customer CONNECTION LIMIT 0";
    stand
        .server
        .create_role("tenant_b", &random())
        .await
        .unwrap();
    stand.server.execute("shop", tenant_b).await.unwrap();
    let mut claimed = stand.imported.clone();
    claimed["owner"] = "tenant_b".into();
    assert_eq!(stand.verdict(&claimed).await, Verdict::Accepted);
    let next = stand.next(&claimed);
    let error = stand.issue(&next, soon()).await.unwrap_err();
    stand.assert_says(
        &error,
        false,
        &["\"customer\"", "\"tenant_b\" (owner)", "no member"],
    );
    let roles = "SELECT count(*) FROM pg_roles WHERE rolname ~ '^u_'";
    assert_eq!(stand.ask("shop", roles).await, "0");
    // Its own is issued.
    let imported = stand.imported.clone();
    stand.issued(&imported).await;
}

async fn anothers_role_with_a_password_that_is_not_its_own_is_refused(version: Version) {
    let stand = Stand::start(version, &[]).await;
    stand
        .server
        .create_role("tenant_c", &random())
        .await
        .unwrap();
    let mut claimed = stand.imported.clone();
    claimed["username"] = "tenant_c".into();
    assert_eq!(stand.verdict(&claimed).await, Verdict::Refused);
}

async fn an_owner_that_the_role_is_no_member_of_gets_nothing_in_the_end(version: Version) {
    let stand = Stand::start(version, &[]).await;
    stand
        .server
        .create_role("tenant_b", &random())
        .await
        .unwrap();
    let client = stand.log_in(&stand.imported, "shop").await;
    execute(&client, "CREATE TABLE trap (n int)").await;
    for owner in ["tenant_b", "acme admin", "nobody there"] {
        let mut claimed = stand.imported.clone();
        claimed["owner"] = owner.into();
        let error = stand.revoke(&claimed, soon()).await.unwrap_err();
        let words = [
            "\"customer\"",
            &format!("{owner:?} (owner)"),
            "closed already",
        ];
        stand.assert_says(&error, false, &words);
    }
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
    let owners = "SELECT tableowner FROM pg_tables WHERE tablename = 'trap'";
    assert_eq!(stand.ask("shop", owners).await, "customer");
    let granted = "SELECT count(*) FROM pg_auth_members WHERE member = 'customer'::regrole \
                   AND roleid = 'tenant_b'::regrole";
    assert_eq!(stand.ask("shop", granted).await, "0");
}
