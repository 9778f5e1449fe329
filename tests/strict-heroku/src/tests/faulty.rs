use stand_in::Fault;
use stand_in::patience::Clock;

use super::*;

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
        let fault = FaultRule::next(Fault::status(status));
        fixture.heroku.fail_next(fault);
        refused(fixture.write("second"), status, id).await;
    }
    fixture.heroku.fail_next(FaultRule::next(Fault::Status {
        status: 503,
        retry_after: Some(Duration::from_millis(1_500)),
    }));
    let answer = fixture.write("second").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "2", "whole seconds");
    assert_eq!(fixture.url_var(), "first");
}

#[tokio::test]
async fn what_is_lost_has_taken_effect_or_not_and_garbage_is_a_page_of_somebody_elses() {
    for (fault, writes) in [(Fault::LoseAnswer, 1), (Fault::LoseRequest, 0)] {
        let fixture = Fixture::new().await;
        fixture.heroku.fail_next(FaultRule::next(fault.clone()));
        assert!(fixture.write("second").send().await.is_err(), "{fault:?}");
        assert_eq!(fixture.writes(), writes, "{fault:?}");
        fixture.written("second").await;
    }
    let fixture = Fixture::new().await;
    fixture
        .heroku
        .fail_next(FaultRule::next(Fault::Garbage(502)));
    let answer = fixture.write("second").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(!answer.headers().contains_key("request-id"));
    assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(fixture.writes(), 0);
}

#[tokio::test]
async fn a_slow_answer_has_taken_effect_when_its_caller_gives_up() {
    let fixture = Fixture::new().await;
    let (clock, hour) = (Clock::stop(), Duration::from_hours(1));
    for (patience, answered) in [(hour / 2, false), (hour * 2, true)] {
        fixture.heroku.fail_next(FaultRule::next(Fault::Slow(hour)));
        let writes = fixture.writes();
        let request = tokio::spawn(fixture.write("second").timeout(patience).send());
        assert!(clock.until(|| fixture.writes() > writes).await);
        assert!(!request.is_finished());
        clock.advance(patience.min(hour)).await;
        let answer = request.await.unwrap();
        let is_ok = answer.is_ok_and(|it| it.status() == StatusCode::OK);
        assert_eq!(is_ok, answered);
    }
}

#[tokio::test]
async fn a_rule_meets_only_what_it_names_and_is_used_up() {
    let fixture = Fixture::new().await;
    let put = FaultRule::next(Fault::Garbage(500)).by(Method::PUT);
    fixture.heroku.fail_next(put.at("/vendor/apps/").times(2));
    sent(fixture.v1(Method::GET, "vendor/apps")).await;
    sent(fixture.installation(Method::GET)).await;
    for (left, status) in [(1, 500), (0, 500), (0, 200)] {
        let answer = fixture.write("second").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(fixture.heroku.pending_faults(), left);
    }
    let oauth = FaultRule::next(Fault::Garbage(503)).at("/oauth/token");
    fixture.heroku.fail_next(oauth);
    assert_eq!(fixture.refresh("any").await.status(), 503);
}

#[tokio::test]
async fn the_record_says_what_was_asked_and_answered_until_the_server_stops() {
    let fixture = Fixture::new().await;
    let url = "vendor/apps?password=in-a-query";
    let answer = fixture.v1(Method::GET, url).send().await.unwrap();
    let request_id = answer.headers()["request-id"].to_str().unwrap().to_owned();
    fixture.heroku.fail_next(FaultRule::next(Fault::LoseAnswer));
    assert!(fixture.write("second").send().await.is_err());
    let records = fixture.heroku.requests();
    let [first, second] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(
        (&first.method, &*first.path),
        (&Method::GET, "/vendor/apps")
    );
    assert_eq!(
        (first.status, &first.request_id),
        (Some(StatusCode::OK), &request_id)
    );
    assert_eq!(
        (second.status, &second.fault),
        (None, &Some(Fault::LoseAnswer))
    );
    let printed = format!("{records:?}");
    assert!(!printed.contains("in-a-query") && !printed.contains("second\""));
    let Fixture { heroku, client, .. } = fixture;
    let url = heroku.api_url();
    drop(heroku);
    let is_gone = async || client.get(url.clone()).send().await.is_err();
    assert!(stand_in::patience::eventually(is_gone).await);
}
