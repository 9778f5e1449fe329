//! Who uses a credential.

use addon_rotation::service::Sessions;
use serde_json::Value;

use super::stand::{Server, Stand};
use crate::support::{document, serving, soon, within};

on_each!(
    the_sessions_of_a_user_are_counted_and_no_others,
    an_administrator_that_is_shown_its_own_alone_says_nothing,
);

async fn sessions(stand: &Stand, value: &Value) -> Option<Sessions> {
    let document = document(value);
    let administrator = serving(&stand.administrator, &document);
    let asked = stand.services.sessions(&document, &administrator, soon());
    within(asked).await.unwrap()
}

fn from_here(count: u64) -> Sessions {
    let here = (count > 0).then(|| "127.0.0.1".to_owned());
    let from = here.into_iter().collect();
    Sessions { count, from }
}

async fn the_sessions_of_a_user_are_counted_and_no_others(server: Server) {
    let stand = Stand::start(server).await;
    let next = stand.rotate(&stand.imported).await;
    assert_eq!(sessions(&stand, &stand.imported).await, Some(from_here(0)));
    let two = [
        stand.session(&stand.imported).await,
        stand.session(&stand.imported).await,
    ];
    let _another = stand.session(&next).await;
    assert_eq!(sessions(&stand, &stand.imported).await, Some(from_here(2)));
    assert_eq!(sessions(&stand, &next).await, Some(from_here(1)));
    for session in two {
        session.disconnect().await.unwrap();
    }
    let ended = async {
        while sessions(&stand, &stand.imported).await != Some(from_here(0)) {
            tokio::task::yield_now().await;
        }
    };
    within(Box::pin(ended)).await;
}

async fn an_administrator_that_is_shown_its_own_alone_says_nothing(server: Server) {
    let stand = Stand::start(server).await;
    let _session = stand.session(&stand.imported).await;
    stand
        .execute(&["REVOKE PROCESS ON *.* FROM operator@'127.0.0.1'"])
        .await;
    assert_eq!(sessions(&stand, &stand.imported).await, None);
}
