//! In the document or the event.

use serde_json::{Value, json};

use super::{assert_told, instance, refused};

/// Makes a mistake in the event, and reads what is said about it.
async fn told(mistake: impl FnOnce(&mut Value)) -> String {
    let (stand, _, mut event) = instance().await;
    mistake(&mut event);
    refused(&stand, event).await
}

const AGAIN: &str = "Correct it, and send it again";

#[tokio::test]
async fn a_missing_field() {
    let message = told(|event| {
        event["Document"].as_object_mut().unwrap().remove("url");
    })
    .await;
    let cause = "Document: url is missing (it must be an https:// URL";
    assert_told(&message, cause, AGAIN, false);
}

#[tokio::test]
async fn several_problems_are_numbered() {
    let message = told(|event| {
        let document = event["Document"].as_object_mut().unwrap();
        document.remove("url");
        document.remove("masterarn");
    })
    .await;
    for number in ["1. Document: url is missing", "2. Document: masterarn"] {
        assert_told(&message, number, AGAIN, false);
    }
}

#[tokio::test]
async fn a_typo_in_a_template() {
    let message = told(|event| {
        event["Document"]["heroku"]["config"]["ACME_KEY"] = "{{ api_kye }}".into();
    })
    .await;
    let cause = "heroku.config.ACME_KEY uses an unknown field: api_kye (the document has api_key";
    assert_told(&message, cause, AGAIN, false);
}

#[tokio::test]
async fn an_open_brace() {
    let message = told(|event| {
        event["Document"]["heroku"]["config"]["ACME_KEY"] = "{{ api_key".into();
    })
    .await;
    let cause = "heroku.config.ACME_KEY is not a valid template (write {{ field }}";
    assert_told(&message, cause, AGAIN, false);
}

#[tokio::test]
async fn a_typo_in_a_filter() {
    let message = told(|event| {
        event["Document"]["heroku"]["config"]["ACME_KEY"] = "{{ api_key | urlencod }}".into();
    })
    .await;
    let cause = "heroku.config.ACME_KEY uses an unknown filter (there is only urlencode)";
    assert_told(&message, cause, AGAIN, false);
}

#[tokio::test]
async fn a_wrong_name_of_an_engine() {
    let message = told(|event| event["Document"]["engine"] = "postgresql".into()).await;
    let cause =
        "engine must be one of aurora-mysql, aurora-postgresql, http, mariadb, mysql, postgres";
    assert_told(&message, cause, AGAIN, false);
}

#[tokio::test]
async fn a_port_that_is_no_number() {
    let message = told(|event| {
        let server = json!({
            "engine": "postgres", "host": "db7.acme.example", "port": "five", "dbname": "shop",
            "username": "customer", "password": event["Document"]["api_key"],
        });
        let server = server.as_object().unwrap().clone();
        event["Document"].as_object_mut().unwrap().extend(server);
        event["Document"]["heroku"]["config"] =
            json!({ "ACME_URL": "{{ username }}:{{ password }}" });
    })
    .await;
    let cause = "port must be a whole number from 1 to 65535";
    assert_told(&message, cause, AGAIN, false);
}

#[tokio::test]
async fn an_http_url() {
    let message = told(|event| event["Document"]["url"] = "http://api.acme.example/".into()).await;
    let cause = "url must be an https:// URL (http:// for loopback only)";
    assert_told(&message, cause, AGAIN, false);
}

#[tokio::test]
async fn an_unknown_key_of_the_event() {
    let message = told(|event| event["RotationDay"] = 30.into()).await;
    let cause = "RotationDay is unknown: did you mean RotationDays?";
    assert_told(&message, cause, AGAIN, false);
}

#[tokio::test]
async fn an_administrator_of_another_region() {
    let (stand, _, mut event) = instance().await;
    let administrator = stand.administrator_arn().as_str();
    let elsewhere = administrator.replace("us-east-1", "eu-west-1");
    event["Document"]["masterarn"] = elsewhere.as_str().into();
    let message = refused(&stand, event).await;
    let cause = format!("is {elsewhere}, which is no administrator's secret of this stack");
    let remedy = "Name one of arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/masters/*";
    assert_told(&message, &cause, remedy, false);
}
