use serde_json::json as j;
use stand_in::Fault;
use stand_in::patience::Clock;

use super::*;

fn write(fixture: &Fixture) -> RequestBuilder {
    let path = format!("vendor/apps/{}", fixture.addon.id);
    let body = j!({ "config": { "ACME_URL": "second" } });
    fixture.v1(Method::PUT, &path).json(&body)
}

#[tokio::test]
async fn each_documented_status_has_its_error_id() {
    let fixture = Fixture::new().await;
    for (status, id) in [
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (409, "conflict"),
        (410, "gone"),
        (422, "invalid_params"),
        (429, "rate_limit"),
        (500, "internal_server_error"),
        (599, "internal_server_error"),
    ] {
        fixture
            .heroku
            .fail_next(FaultRule::next(Fault::status(status)));
        refused(write(&fixture), status, id).await;
    }
    assert_eq!(fixture.url_var(), "first");
}

#[tokio::test]
async fn a_fault_says_how_long_to_wait_in_whole_seconds() {
    let fixture = Fixture::new().await;
    fixture.heroku.fail_next(FaultRule::next(Fault::Status {
        status: 503,
        retry_after: Some(Duration::from_millis(1_500)),
    }));
    let answer = write(&fixture).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "2");
}

#[tokio::test]
async fn a_lost_answer_takes_effect_once() {
    let fixture = Fixture::new().await;
    fixture.heroku.fail_next(FaultRule::next(Fault::LoseAnswer));
    assert!(write(&fixture).send().await.is_err());
    assert_eq!(fixture.url_var(), "second");
    assert_eq!(fixture.heroku.config_writes(&fixture.addon.id).unwrap(), 1);
}

#[tokio::test]
async fn a_lost_request_takes_no_effect() {
    let fixture = Fixture::new().await;
    fixture
        .heroku
        .fail_next(FaultRule::next(Fault::LoseRequest));
    assert!(write(&fixture).send().await.is_err());
    assert_eq!(fixture.url_var(), "first");
    let answer = write(&fixture).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn garbage_is_a_page_of_somebody_else() {
    let fixture = Fixture::new().await;
    fixture
        .heroku
        .fail_next(FaultRule::next(Fault::Garbage(502)));
    let answer = write(&fixture).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(!answer.headers().contains_key("request-id"));
    assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(fixture.url_var(), "first");
}

#[tokio::test]
async fn a_slow_answer_has_taken_effect_when_its_caller_gives_up() {
    let fixture = Fixture::new().await;
    let (clock, hour) = (Clock::stop(), Duration::from_hours(1));
    for (patience, answered) in [(hour / 2, false), (hour * 2, true)] {
        fixture.heroku.fail_next(FaultRule::next(Fault::Slow(hour)));
        let writes = fixture.heroku.config_writes(&fixture.addon.id).unwrap();
        let request = tokio::spawn(write(&fixture).timeout(patience).send());
        let written = || fixture.heroku.config_writes(&fixture.addon.id).unwrap() > writes;
        assert!(clock.until(written).await);
        assert!(!request.is_finished());
        clock.advance(patience.min(hour)).await;
        let answer = request.await.unwrap();
        assert_eq!(
            answer.is_ok_and(|it| it.status() == StatusCode::OK),
            answered
        );
    }
    assert_eq!(fixture.url_var(), "second");
}

#[tokio::test]
async fn a_rule_meets_only_what_it_names_and_is_used_up() {
    let fixture = Fixture::new().await;
    fixture.heroku.fail_next(
        FaultRule::next(Fault::Garbage(500))
            .by(Method::PUT)
            .at("/vendor/apps/")
            .times(2),
    );
    let list = || fixture.v1(Method::GET, "vendor/apps").send();
    let read = || {
        let path = format!("vendor/apps/{}", fixture.addon.id);
        fixture.v1(Method::GET, &path).send()
    };
    assert_eq!(list().await.unwrap().status(), StatusCode::OK);
    assert_eq!(read().await.unwrap().status(), StatusCode::OK);
    for (left, status) in [(1, 500), (0, 500), (0, 200)] {
        let answer = write(&fixture).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(fixture.heroku.pending_faults(), left);
    }
}

#[tokio::test]
async fn oauth_fails_on_request_as_well() {
    let fixture = Fixture::new().await;
    fixture
        .heroku
        .fail_next(FaultRule::next(Fault::Garbage(503)).at("/oauth/token"));
    let answer = fixture.refresh("any").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_record_says_what_was_asked_and_answered() {
    let fixture = Fixture::new().await;
    let url = "vendor/apps?password=in-a-query";
    let answer = fixture.v1(Method::GET, url).send().await.unwrap();
    let request_id = answer.headers()["request-id"].to_str().unwrap().to_owned();
    fixture.heroku.fail_next(FaultRule::next(Fault::LoseAnswer));
    assert!(write(&fixture).send().await.is_err());
    let records = fixture.heroku.requests();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].method, Method::GET);
    assert_eq!(records[0].path, "/vendor/apps");
    assert_eq!(records[0].status, Some(StatusCode::OK));
    assert_eq!(records[0].request_id, request_id);
    assert_eq!(records[1].status, None);
    assert_eq!(records[1].fault, Some(Fault::LoseAnswer));
    let printed = format!("{records:?}");
    assert!(!printed.contains("in-a-query") && !printed.contains("second"));
}

#[tokio::test]
async fn nothing_answers_once_it_is_dropped() {
    let fixture = Fixture::new().await;
    let url = fixture.heroku.api_url();
    let client = fixture.client.clone();
    assert!(client.get(url.clone()).send().await.is_ok());
    drop(fixture);
    let gone = async { while client.get(url.clone()).send().await.is_ok() {} };
    let gone = tokio::time::timeout(PATIENCE, gone);
    gone.await.expect("the server stops");
}
