//! What a server's answer to a login means: its own word for "this login is refused" and nothing else.

use addon_rotation::deadline::Transient as _;
use addon_rotation::service::Verdict;

use super::pooler::{Pooler, authentication, refusal};
use super::support::{Stand, Version, username};
use crate::support::{document, in_time, soon};

on_each!(
    a_used_up_connection_limit_is_no_refusal,
    words_that_mean_a_refused_login,
);

async fn a_used_up_connection_limit_is_no_refusal(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let limit = "ALTER ROLE customer CONNECTION LIMIT 2";
    stand.server.execute("shop", limit).await.unwrap();
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let mut open = Vec::new();
    for value in [&imported, &first] {
        for _ in 0..2 {
            open.push(stand.log_in(value, "shop").await);
        }
        assert_eq!(stand.verdict(value).await, Verdict::Accepted);
        let mut wrong = value.clone();
        wrong["password"] = "wrong".into();
        assert_eq!(stand.verdict(&wrong).await, Verdict::Refused);
    }
    // All the way to the next version, and the end of this one.
    let second = stand.issued(&first).await;
    stand.revoked(&imported).await;
    stand.revoked(&first).await;
    assert_eq!(stand.verdict(&second).await, Verdict::Accepted);
}

/// Before a password is asked for; after the server said that it is right.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Before,
    After,
}

enum Means {
    Accepted,
    Refused,
    /// Told as it is: whether it can pass, and words.
    Unknown(bool, &'static str),
}

use Means::{Accepted, Unknown};
use Phase::{After, Before};

/// The role's name stands for USER. `PgBouncer`'s texts are of its releases since 1.5.
const ANSWERS: &[(Phase, &str, &str, Means)] = &[
    (
        Before,
        "28P01",
        "password authentication failed for user \"USER\"",
        Means::Refused,
    ),
    // In another language.
    (
        Before,
        "28P01",
        "Passwort-Authentifizierung für Benutzer »USER« fehlgeschlagen",
        Means::Refused,
    ),
    (
        After,
        "28000",
        "role \"USER\" is not permitted to log in",
        Means::Refused,
    ),
    (
        Before,
        "28000",
        "role \"USER\" does not exist",
        Means::Refused,
    ),
    (
        Before,
        "28000",
        "no pg_hba.conf entry for host \"10.0.0.1\", user \"USER\"",
        Unknown(false, "pg_hba.conf"),
    ),
    (
        Before,
        "53300",
        "sorry, too many clients already",
        Unknown(true, "53300"),
    ),
    (
        After,
        "53300",
        "too many connections for role \"USER\"",
        Accepted,
    ),
    (
        After,
        "53300",
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        Accepted,
    ),
    (
        After,
        "53300",
        "too many connections for database \"shop\"",
        Accepted,
    ),
    (
        After,
        "3D000",
        "database \"shop\" does not exist",
        Unknown(false, "Correct dbname"),
    ),
    (
        After,
        "55000",
        "database \"shop\" is not currently accepting connections",
        Unknown(false, "ALLOW_CONNECTIONS"),
    ),
    (
        After,
        "42501",
        "permission denied for database \"shop\"",
        Unknown(false, "owner's role"),
    ),
    (
        After,
        "58P01",
        "could not access file \"$libdir/plugins/x\": No such file or directory",
        Unknown(false, "although the password is right"),
    ),
    (
        After,
        "P0001",
        "raised by a login trigger",
        Unknown(false, "P0001"),
    ),
    (
        Before,
        "57P03",
        "the database system is starting up",
        Unknown(true, "57P03"),
    ),
    (
        After,
        "57P01",
        "terminating connection due to administrator command",
        Unknown(true, "57P01"),
    ),
    (
        Before,
        "ZZ999",
        "something new",
        Unknown(false, "something new (ZZ999)"),
    ),
    // PgBouncer, its own word and the server's passed on.
    (
        Before,
        "08P01",
        "password authentication failed",
        Means::Refused,
    ),
    (
        Before,
        "08P01",
        "SASL authentication failed",
        Means::Refused,
    ),
    (Before, "08P01", "no such user", Means::Refused),
    (Before, "08P01", "No such user: USER", Means::Refused),
    (
        Before,
        "08P01",
        "server login failed: FATAL password authentication failed for user \"USER\"",
        Means::Refused,
    ),
    (
        Before,
        "08P01",
        "server login failed: FATAL role \"USER\" is not permitted to log in",
        Means::Refused,
    ),
    (
        Before,
        "08P01",
        "server login has been failing, cached error: password authentication failed for user \"USER\" (server_login_retry)",
        Means::Refused,
    ),
    (
        After,
        "08P01",
        "too many connections for role \"USER\"",
        Accepted,
    ),
    (
        Before,
        "08P01",
        "too many connections for role \"USER\"",
        Unknown(true, "08P01"),
    ),
    // Another user's, which PgBouncer asks the server about passwords with.
    (
        Before,
        "08P01",
        "server login has been failing, cached error: password authentication failed for user \"pgbouncer\" (server_login_retry)",
        Unknown(true, "pgbouncer"),
    ),
    (
        Before,
        "08P01",
        "server login has been failing, try again later (server_login_retry)",
        Unknown(true, "08P01"),
    ),
    (
        Before,
        "08P01",
        "no such database: shop",
        Unknown(true, "no such database"),
    ),
    (
        Before,
        "08P01",
        "No such user: another",
        Unknown(true, "another"),
    ),
    (
        Before,
        "08P01",
        "query_wait_timeout",
        Unknown(true, "query_wait_timeout"),
    ),
    (
        Before,
        "08P01",
        "no more connections allowed (max_client_conn)",
        Unknown(true, "no more connections"),
    ),
    (
        Before,
        "08P01",
        "bouncer config error",
        Unknown(true, "bouncer config error"),
    ),
];

/// The answer with this number.
fn judge(index: usize, user: &str) -> Result<(), Vec<Vec<u8>>> {
    let (phase, code, message, _) = &ANSWERS[index];
    let answer = refusal(code, &message.replace("USER", user));
    Err(match phase {
        Before => vec![answer],
        After => vec![authentication(3), authentication(0), answer],
    })
}

async fn words_that_mean_a_refused_login(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let pooler = Pooler::start(stand.server.port(), |startup| {
        // The database's name is the answer's number.
        let index = startup["database"].parse().unwrap();
        judge(index, &startup["user"])
    })
    .await;
    stand.imported["port"] = pooler.port().into();
    for (index, (phase, code, message, means)) in ANSWERS.iter().enumerate() {
        let mut value = stand.imported.clone();
        value["dbname"] = index.to_string().into();
        assert_eq!(username(&value), "customer");
        let document = document(&value);
        let name = format!("{phase:?} {code} {message}");
        match means {
            Accepted | Means::Refused => {
                let expected = match means {
                    Accepted => Verdict::Accepted,
                    _ => Verdict::Refused,
                };
                let verdict = stand.services.verify(&document, soon()).await;
                assert_eq!(verdict, Ok(expected), "{name}");
            }
            Unknown(transient, words) => {
                let says = |error: &_| format!("{error}").contains(words);
                let error = in_time(says, async |deadline| {
                    stand
                        .services
                        .verify(&document, deadline)
                        .await
                        .expect_err(&name)
                })
                .await;
                assert_eq!(error.is_transient(), *transient, "{name}: {error}");
                assert!(error.to_string().contains(words), "{name}: {error}");
            }
        }
    }
}
