//! What a server says instead of doing it, and that a later try succeeds.

use std::time::Duration;

use addon_rotation::deadline::{Deadline, Transient as _};
use addon_rotation::service::{Kind, ServiceError, Verdict};
use database_servers::redis::{RedisOptions, Users};

use super::support::{Customer, Stand, administrator, imported, user};
use crate::authority::server::{Ask, Hostile};
use crate::support::{issue, once, random, revoke, services, serving, soon, within};

/// What the imported user may do.
const RULES: &str = "~* resetchannels -@all +get";

/// Whether the error is about the connection alone.
fn cut(error: &ServiceError) -> bool {
    error.kind() == Some(Kind::Unreachable)
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_server_that_is_down_is_waited_for() {
    let (mut stand, first) = Stand::enrolled(Users::AclFile, "bob", RULES).await;
    let second = first.next();
    let fields = stand.administrator();
    stand.redis.halt().await;
    let short = || Deadline::after(Duration::from_millis(300));
    for error in [
        stand
            .services
            .issue(
                &second.document,
                &serving(&fields, &second.document),
                short(),
            )
            .await
            .unwrap_err(),
        stand
            .services
            .verify(&first.document, short())
            .await
            .unwrap_err(),
        stand
            .services
            .revoke(&first.document, &serving(&fields, &first.document), short())
            .await
            .unwrap_err(),
    ] {
        assert!(cut(&error) && error.is_transient(), "{error}");
        let address = format!("redis://127.0.0.1:{}", stand.redis.port());
        assert!(error.to_string().contains(&address), "{error}");
    }
    let services = stand.services.clone();
    let administrator = serving(&fields, &second.document);
    let issue = services.issue(&second.document, &administrator, soon());
    let (issued, restarted) = tokio::join!(within(issue), stand.redis.restart());
    restarted.unwrap();
    issued.unwrap();
    stand.expect(&[&first, &second], &[]).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn an_administrator_who_may_not_is_named() {
    let (stand, first) = Stand::enrolled(Users::AclFile, "bob", RULES).await;
    let second = first.next();
    let weak = [
        "ACL",
        "SETUSER",
        "weak",
        "on",
        ">weak's password",
        "+acl|list",
    ];
    stand.redis.command(&weak).await.unwrap();
    for (user, password, words) in [
        ("administrator", "an old password", "WRONGPASS"),
        ("nobody", "an old password", "WRONGPASS"),
        ("weak", "weak's password", "NOPERM"),
    ] {
        let fields = administrator(user, password);
        let issued = issue(&stand.services, &fields, &second.document).await;
        let revoked = revoke(&stand.services, &fields, &first.document).await;
        let rehearsed = stand
            .services
            .rehearse(
                &second.document,
                &serving(&fields, &second.document),
                soon(),
            )
            .await;
        for ended in [issued, revoked, rehearsed] {
            let error = ended.unwrap_err();
            assert!(error.kind() == Some(Kind::Administrator), "{error:?}");
            assert!(!error.is_transient());
            let text = error.to_string();
            assert!(
                text.contains(words) && text.contains("administrator"),
                "{text}"
            );
            assert!(!text.contains(password), "{text}");
        }
    }
    stand.expect(&[&first], &[&second]).await;
    stand.issue(&second).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_server_full_of_connections_refuses_nobodys_credential() {
    let (stand, first) = Stand::enrolled(Users::AclFile, "bob", RULES).await;
    let mut only = stand.customer(&first).await;
    let one = ["CONFIG", "SET", "maxclients", "1"];
    stand.redis.command(&one).await.unwrap();
    let fields = stand.administrator();
    for verify in [true, false] {
        let attempt = async || {
            once(async |deadline| {
                let (services, document) = (&stand.services, &first.document);
                let result = if verify {
                    services.verify(document, deadline).await.map(drop)
                } else {
                    services
                        .revoke(document, &serving(&fields, document), deadline)
                        .await
                };
                result.unwrap_err()
            })
            .await
        };
        // The server says it and hangs up: a login that is on its way then makes the kernel throw the words away.
        let mut error = attempt().await;
        for _ in 0..100 {
            if error.kind() == Some(Kind::Unreachable) {
                error = attempt().await;
            }
        }
        assert!(error.kind() == Some(Kind::Unavailable), "{error:?}");
        assert!(error.to_string().contains("maxclients"), "{error}");
    }
    let answer = only.ask("GET key").await;
    assert_eq!(answer, "$-1");
    drop(only);
    stand.expect(&[&first], &[]).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_file_that_cannot_be_written_is_named_and_a_later_try_succeeds() {
    let (mut stand, first) = Stand::enrolled(Users::AclFile, "bob", RULES).await;
    let second = first.next();
    let (there, away) = (
        stand.redis.acl_directory(),
        stand.redis.directory().join("away"),
    );
    std::fs::rename(&there, &away).unwrap();
    for error in [
        stand.issue(&second).await.unwrap_err(),
        stand.revoke(&first).await.unwrap_err(),
    ] {
        assert!(error.kind() == Some(Kind::Rejected), "{error:?}");
        assert!(!error.is_transient());
        assert!(error.to_string().contains("write its ACL file"), "{error}");
    }
    std::fs::rename(&away, &there).unwrap();
    stand.redis.restart().await.unwrap();
    stand.expect(&[&first], &[&second]).await;
    stand.issue(&second).await.unwrap();
    stand.revoke(&first).await.unwrap();
    stand.redis.restart().await.unwrap();
    stand.expect(&[&second], &[&first]).await;
}

fn names_the_forbidden(error: &ServiceError, password: &str) {
    let text = error.to_string();
    assert!(error.kind() == Some(Kind::Rejected), "{text}");
    assert!(text.contains("Allow the command"), "{text}");
    // A server quotes the arguments of a command that it does not know.
    assert!(!text.contains(password), "{text}");
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_renamed_command_is_named() {
    let (line, password) = user("bob", "~* resetchannels -@all +get");
    let mut options = RedisOptions::new(Users::ConfigurationFile);
    options
        .settings
        .push("rename-command CONFIG \"\"".to_owned());
    let stand = Stand::start(options, &[line]).await;
    let second = stand.imported("bob", &password).next();
    let error = stand.issue(&second).await.unwrap_err();
    names_the_forbidden(&error, second.password());
}

#[tokio::test]
async fn a_command_that_a_managed_service_forbids_is_named() {
    let password = random();
    let quoting = |command: &str| {
        Some(format!(
            "-ERR unknown command '{command}', with args beginning with: 'bob' '{password}' \r\n"
        ))
    };
    let server = said(vec![quoting("AUTH")]).await;
    let version = imported("127.0.0.1", server.port(), "bob", &password);
    let error = services().verify(&version.document, soon()).await;
    names_the_forbidden(&error.unwrap_err(), &password);

    let server = said(vec![Some("+OK\r\n".to_owned()), quoting("ACL")]).await;
    let version = imported("127.0.0.1", server.port(), "bob", &password);
    let fields = administrator("administrator", "a password");
    let error = issue(&services(), &fields, &version.document).await;
    names_the_forbidden(&error.unwrap_err(), &password);
}

/// A server that says these words, one after the other.
pub(super) async fn said(answers: Vec<Option<String>>) -> Hostile {
    Hostile::start("127.0.0.1", Ask::Redis(answers), None).await
}

#[tokio::test]
async fn what_passes_is_told_from_what_does_not() {
    let fields = administrator("administrator", "a password");
    for (answer, transient, words) in [
        (
            "-LOADING Redis is loading the dataset in memory",
            true,
            "LOADING",
        ),
        ("-BUSY Redis is busy running a script.", true, "BUSY"),
        ("-MASTERDOWN Link with MASTER is down", true, "MASTERDOWN"),
        (
            "-READONLY You can't write against a read only replica.",
            true,
            "name the primary",
        ),
        (
            "-MISCONF Redis is configured to save RDB snapshots",
            true,
            "server's log",
        ),
        (
            "-OOM command not allowed when used memory > 'maxmemory'.",
            true,
            "maxmemory",
        ),
        (
            "-NOPERM User a has no permissions to run the 'acl|list' command",
            false,
            "Grant the administrator",
        ),
        ("-NOAUTH Authentication required.", false, "masterarn"),
        ("-ERR something new", false, "something new"),
    ] {
        let server = said(vec![
            Some("+OK\r\n".to_owned()),
            Some(format!("{answer}\r\n")),
        ])
        .await;
        let version = imported("127.0.0.1", server.port(), "bob", &random());
        let error = once(async |deadline| {
            let services = services();
            let administrator = serving(&fields, &version.document);
            let revoke = services.revoke(&version.document, &administrator, deadline);
            within(revoke).await.unwrap_err()
        })
        .await;
        assert_eq!(error.is_transient(), transient, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn only_a_wrong_password_is_a_refusal() {
    for (answer, verdict) in [
        ("+OK", Some(Verdict::Accepted)),
        (
            "-WRONGPASS invalid username-password pair or user is disabled.",
            Some(Verdict::Refused),
        ),
        ("-LOADING Redis is loading the dataset in memory", None),
        ("-ERR max number of clients reached", None),
        (
            "-ERR AUTH <password> called without any password configured for the default user.",
            None,
        ),
        ("-DENIED Redis is running in protected mode", None),
        ("-NOPERM User bob has no permissions", None),
        ("HTTP/1.1 400 Bad Request", None),
    ] {
        let server = said(vec![Some(format!("{answer}\r\n"))]).await;
        let version = imported("127.0.0.1", server.port(), "bob", &random());
        let deadline = match verdict {
            Some(_) => soon(),
            None => Deadline::after(Duration::from_millis(300)),
        };
        let services = services();
        let said = within(services.verify(&version.document, deadline)).await;
        // Nor is it a fault of the administrator, who has no part in it.
        let blamed = said
            .as_ref()
            .is_err_and(|error| error.kind() == Some(Kind::Administrator));
        assert!(!blamed, "{answer}");
        assert_eq!(said.ok(), verdict, "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_or_says_nothing_ends_in_an_error_before_the_deadline() {
    for answer in [None, Some(String::new())] {
        let server = said(vec![answer]).await;
        let version = imported("127.0.0.1", server.port(), "bob", &random());
        let deadline = Deadline::after(Duration::from_millis(500));
        let services = services();
        let verify = services.verify(&version.document, deadline);
        let error = within(verify).await.unwrap_err();
        assert!(cut(&error) && error.is_transient(), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_customer_may_have_no_right_but_to_log_in() {
    let (stand, first) = Stand::enrolled(Users::AclFile, "bob", "resetchannels -@all").await;
    let mut customer: Customer = stand.customer(&first).await;
    assert!(customer.ask("PING").await.starts_with("-NOPERM"));
    stand.expect(&[&first], &[]).await;
}
