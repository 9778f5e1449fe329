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

/// When a server says it: before a password is asked for or after it said that the password is right; the code; the
/// text, in which the role's name stands for USER; what it means, or whether it lasts or passes, and words that tell it.
/// `08P01` is `PgBouncer`'s, with its own texts since 1.5 and the server's passed on, some of which are about the user that
/// it asks the server about passwords with.
const ANSWERS: &str = r#"
before | 28P01 | password authentication failed for user "USER" | refused
before | 28P01 | Passwort-Authentifizierung für Benutzer »USER« fehlgeschlagen | refused
after | 28000 | role "USER" is not permitted to log in | refused
before | 28000 | role "USER" does not exist | refused
before | 28000 | no pg_hba.conf entry for host "10.0.0.1", user "USER" | lasts, pg_hba.conf
before | 53300 | sorry, too many clients already | passes, 53300
after | 53300 | too many connections for role "USER" | accepted
after | 53300 | remaining connection slots are reserved for roles with the SUPERUSER attribute | accepted
after | 53300 | too many connections for database "shop" | accepted
after | 3D000 | database "shop" does not exist | lasts, Correct dbname
after | 55000 | database "shop" is not currently accepting connections | lasts, ALLOW_CONNECTIONS
after | 42501 | permission denied for database "shop" | lasts, owner's role
after | 58P01 | could not access file "$libdir/plugins/x": No such file or directory | lasts, although the password is right
after | P0001 | raised by a login trigger | lasts, P0001
before | 57P03 | the database system is starting up | passes, 57P03
after | 57P01 | terminating connection due to administrator command | passes, 57P01
before | ZZ999 | something new | lasts, something new (ZZ999)
before | 08P01 | password authentication failed | refused
before | 08P01 | SASL authentication failed | refused
before | 08P01 | no such user | refused
before | 08P01 | No such user: USER | refused
before | 08P01 | server login failed: FATAL password authentication failed for user "USER" | refused
before | 08P01 | server login failed: FATAL role "USER" is not permitted to log in | refused
before | 08P01 | server login has been failing, cached error: password authentication failed for user "USER" (server_login_retry) | refused
after | 08P01 | too many connections for role "USER" | accepted
before | 08P01 | too many connections for role "USER" | passes, 08P01
before | 08P01 | server login has been failing, cached error: password authentication failed for user "pgbouncer" (server_login_retry) | passes, pgbouncer
before | 08P01 | server login has been failing, try again later (server_login_retry) | passes, 08P01
before | 08P01 | no such database: shop | passes, no such database
before | 08P01 | No such user: another | passes, another
before | 08P01 | query_wait_timeout | passes, query_wait_timeout
before | 08P01 | no more connections allowed (max_client_conn) | passes, no more connections
before | 08P01 | bouncer config error | passes, bouncer config error
"#;

/// The answer with this number.
fn answer(index: usize) -> [&'static str; 4] {
    let row = ANSWERS.trim().lines().nth(index).unwrap();
    let columns: Vec<_> = row.split(" | ").collect();
    columns.try_into().unwrap()
}

fn judge(index: usize, user: &str) -> Result<(), Vec<Vec<u8>>> {
    let [phase, code, message, _] = answer(index);
    let answer = refusal(code, &message.replace("USER", user));
    Err(match phase {
        "before" => vec![answer],
        _ => vec![authentication(3), authentication(0), answer],
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
    for index in 0..ANSWERS.trim().lines().count() {
        let mut value = stand.imported.clone();
        value["dbname"] = index.to_string().into();
        assert_eq!(username(&value), "customer");
        let document = document(&value);
        let row = answer(index);
        let means = row[3];
        let expected = match means {
            "accepted" => Some(Verdict::Accepted),
            "refused" => Some(Verdict::Refused),
            _ => None,
        };
        if let Some(expected) = expected {
            let verdict = stand.services.verify(&document, soon()).await;
            assert_eq!(verdict, Ok(expected), "{row:?}");
            continue;
        }
        let (duration, words) = means.split_once(", ").unwrap();
        let says = |error: &_| format!("{error}").contains(words);
        let error = in_time(says, async |deadline| {
            let verdict = stand.services.verify(&document, deadline).await;
            verdict.expect_err(means)
        })
        .await;
        assert_eq!(
            error.is_transient(),
            duration == "passes",
            "{row:?}: {error}"
        );
        assert!(error.to_string().contains(words), "{row:?}: {error}");
    }
}
