//! A login is what the server says that it is, whatever the document claims.

use addon_rotation::service::Verdict;

use super::stand::{Server, Stand};
use crate::support::{document, random, soon};

on_each!(
    an_account_that_stands_in_for_a_user_is_not_that_user,
    anothers_user_with_a_password_that_is_not_its_own_is_refused,
);

async fn an_account_that_stands_in_for_a_user_is_not_that_user(server: Server) {
    let stand = Stand::start(server).await;
    let (password, own) = (random(), random());
    stand
        .execute(&[
            &format!("CREATE USER tenant_c@'%' IDENTIFIED BY '{own}'"),
            // Whoever comes from here without an account of its own for this host is nobody.
            &format!("CREATE USER ''@'127.0.0.1' IDENTIFIED BY '{password}'"),
        ])
        .await;
    let mut claimed = stand.imported.clone();
    claimed["username"] = "tenant_c".into();
    claimed["password"] = password.as_str().into();
    claimed.as_object_mut().unwrap().remove("dbname");
    claimed["heroku"]["config"]["ACME_URL"] = "{{ username }}:{{ password }}".into();
    let verified = stand.services.verify(&document(&claimed), soon()).await;
    let error = verified.unwrap_err().to_string();
    for words in ["\"tenant_c\"", "for \"\"", "Correct username"] {
        assert!(error.contains(words), "{error}");
    }
    assert!(!error.contains(&password), "{error}");
    // Nor where the answer does not say whose password it is.
    claimed["dbname"] = "nowhere".into();
    let error = stand.shows_possession(&claimed).await.unwrap_err();
    assert!(error.to_string().contains("anonymous"), "{error}");
    stand.execute(&["DROP USER ''@'127.0.0.1'"]).await;
    assert_eq!(stand.shows_possession(&claimed).await, Ok(false));
    claimed["password"] = own.as_str().into();
    assert_eq!(stand.shows_possession(&claimed).await, Ok(true));
}

async fn anothers_user_with_a_password_that_is_not_its_own_is_refused(server: Server) {
    let stand = Stand::start(server).await;
    let create = format!("CREATE USER tenant_c@'%' IDENTIFIED BY '{}'", random());
    stand.execute(&[&create]).await;
    let mut claimed = stand.imported.clone();
    claimed["username"] = "tenant_c".into();
    assert_eq!(stand.verdict(&claimed).await, Verdict::Refused);
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
}
