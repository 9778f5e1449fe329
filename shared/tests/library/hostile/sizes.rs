//! More than Heroku takes is refused before anything is changed.

use http::Method;

use crate::support::{Api, Stand, VAR};

#[tokio::test]
async fn the_next_credential_may_be_the_one_that_is_too_large() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    let mut document = instance.document.clone();
    document["generate"]["api_key"]["length"] = 256.into();
    // With the present key, of 32 characters, there is room.
    let template = document["heroku"]["config"][VAR].as_str().unwrap();
    let template = template.to_owned() + &"{{ api_key }}".repeat(200);
    document["heroku"]["config"][VAR] = template.into();
    stand.store(&instance.secret, &document).await;
    let (before, registered) = (stand.heroku.requests().len(), stand.service.live());

    let version = stand.start_rotation(&instance).await;
    let error = stand.step_failed().await;
    assert!(error.contains("Heroku takes 32768 bytes"), "{error}");
    assert!(error.contains(&format!("of them in {VAR}")), "{error}");
    stand.assert_holds_no_secret(&error);
    // Nothing has come of it.
    assert_eq!(stand.heroku.requests().len(), before, "Heroku is not asked");
    assert_eq!(stand.service.live(), registered, "nothing is registered");
    let asked = stand.service.requests();
    assert!(asked.iter().all(|request| request.method == Method::GET));
    assert!(!stand.is_labelled_live(&instance, &version));
}
