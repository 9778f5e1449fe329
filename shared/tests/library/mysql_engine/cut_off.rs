//! Calls that end between any two statements, and are then repeated.

use addon_rotation::service::Verdict;
use mysql_async::prelude::Queryable as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use super::stand::{Server, Stand, username};
use crate::support::{document, issue, next_document, revoke, version_id};

on_each!(
    a_user_that_is_half_made_lets_nobody_in_and_is_made_whole_when_the_call_is_repeated,
    a_revocation_that_is_cut_off_is_completed_when_the_call_is_repeated,
);

/// A way to the server that ends for good after so many messages of the client: the server gets
/// and does the last one, its answer is lost.
struct ShortLived {
    port: u16,
    _forwarding: AbortOnDropHandle<()>,
}

impl ShortLived {
    async fn to(server: u16, messages: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let forwarding = tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            forward(client, server, messages).await;
            // A lasting refusal, so that the call ends here: Access denied (1045).
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let packet = b"\x06\0\0\0\xff\x15\x04cut";
                client.write_all(packet).await.unwrap();
            }
        });
        Self {
            port,
            _forwarding: AbortOnDropHandle::new(forwarding),
        }
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, messages: usize) {
    let (mut from_client, mut from_server) = (vec![0; 16384], vec![0; 16384]);
    let mut count = 0;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                count += 1;
                server.write_all(&from_client[..length]).await.unwrap();
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                if count == messages { return; }
                if client.write_all(&from_server[..length]).await.is_err() { return; }
            }
        }
    }
}

fn by_way_of(value: &Value, way: &ShortLived) -> Value {
    let mut value = value.clone();
    value["port"] = way.port.into();
    value
}

async fn grants(stand: &Stand, value: &Value) -> Vec<String> {
    let name = username(value);
    let query = format!("SHOW GRANTS FOR '{name}'@'%'");
    let mut grants = stand.server.column(&query).await.unwrap();
    grants.sort();
    grants
        .iter()
        .map(|grant| grant.replace(&format!("`{name}`@"), "NAME@"))
        .map(|grant| grant.split(" IDENTIFIED").next().unwrap().to_owned())
        .collect()
}

async fn a_user_that_is_half_made_lets_nobody_in_and_is_made_whole_when_the_call_is_repeated(
    server: Server,
) {
    let stand = Stand::start(server).await;
    stand
        .execute(&[
            "CREATE ROLE reader",
            "GRANT reader TO operator@'127.0.0.1' WITH ADMIN OPTION",
            "GRANT UPDATE ON mysql.* TO operator@'127.0.0.1'",
            "GRANT reader TO shop@'%'",
            &server.set_default_role("reader", "shop@'%'"),
        ])
        .await;
    let whole = grants(&stand, &stand.imported).await;
    let (mut locked, mut unlocked) = (0, 0);
    for messages in 1.. {
        assert!(messages < 100);
        let next = next_document(&stand.imported, &version_id());
        let way = ShortLived::to(stand.server.port(), messages).await;
        let cut = document(&by_way_of(&next, &way));
        let result = issue(&stand.services, &stand.administrator, &cut).await;
        match stand.verdict(&next).await {
            Verdict::Refused => locked += usize::from(stand.has_user(&next).await),
            Verdict::Accepted => {
                unlocked += 1;
                assert_eq!(grants(&stand, &next).await, whole);
            }
        }
        stand.issue(&document(&next)).await;
        assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
        assert_eq!(grants(&stand, &next).await, whole);
        if result.is_ok() {
            break;
        }
    }
    assert!(locked >= 5 && unlocked >= 2, "{locked}, {unlocked}");
}

pub(super) async fn a_revocation_that_is_cut_off_is_completed_when_the_call_is_repeated(
    server: Server,
) {
    let stand = Stand::start(server).await;
    let mut cuts = 0;
    for messages in 1.. {
        assert!(messages < 100);
        let old = stand.rotate(&stand.imported).await;
        let mut session = stand.session(&old).await;
        let way = ShortLived::to(stand.server.port(), messages).await;
        let cut = document(&by_way_of(&old, &way));
        let result = revoke(&stand.services, &stand.administrator, &cut).await;
        cuts += usize::from(result.is_err());
        stand.revoke(&document(&old)).await;
        assert_eq!(stand.verdict(&old).await, Verdict::Refused);
        assert!(!stand.has_user(&old).await);
        assert!(session.ping().await.is_err());
        assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
        if result.is_ok() {
            break;
        }
    }
    assert!(cuts >= 8, "{cuts}");
}
