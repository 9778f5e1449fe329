//! Config vars through Heroku's two partner APIs: what is read, what is written, and how often.

mod answers;
mod refusals;
mod tokens;

use addon_rotation::heroku::Publication;
use http::Method;
use stand_in::{Fault, FaultRule};

use crate::support::{Api, Instance, Publisher, Stand, VAR, rendered, soon};

/// The method with which an API's config is written.
fn write(api: Api) -> Method {
    match api {
        Api::V1 => Method::PUT,
        Api::V3 => Method::PATCH,
    }
}

/// Has the next requests of one method for the instance's config fail.
fn fail(stand: &Stand, api: Api, instance: &Instance, method: &Method, count: usize, fault: Fault) {
    let path_prefix = match api {
        Api::V1 => format!("/vendor/apps/{}", instance.addon),
        Api::V3 => format!("/addons/{}/config", instance.addon),
    };
    stand.heroku.fail_next(
        FaultRule::next(fault)
            .by(method.clone())
            .at(path_prefix)
            .times(count),
    );
}

fn status(status: u16) -> Fault {
    Fault::status(status)
}

#[tokio::test]
async fn what_differs_is_written_once_and_what_is_shown_is_not_written() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let publisher = Publisher::new(&stand, &instance).await;
        let before = stand.shown(&instance);
        let vars = rendered(&[("ACME_KEY", "the new key")]);
        let addon = publisher.addon();

        let config = addon.config(soon()).await.unwrap();
        assert_eq!(config.missing(&vars), ["ACME_KEY"], "{api:?}");
        assert!(config.missing(&rendered(&[(VAR, &before)])).is_empty());

        let releases = stand.heroku.releases(&instance.app).unwrap().len();
        let done = addon.publish(&vars, soon()).await.unwrap();
        assert_eq!(done, Publication::Changed, "{api:?}");
        let shown = stand.heroku.config(&instance.addon).unwrap();
        assert_eq!(shown["ACME_KEY"], "the new key");
        assert_eq!(shown[VAR], before, "what is not named stays");

        let done = addon.publish(&vars, soon()).await.unwrap();
        assert_eq!(done, Publication::AlreadyShown, "{api:?}");
        assert_eq!(stand.config_requests(&instance, &write(api)), 1, "{api:?}");
        assert_eq!(stand.heroku.config_writes(&instance.addon).unwrap(), 1);
        let after = stand.heroku.releases(&instance.app).unwrap().len();
        assert_eq!(after, releases + 1, "{api:?}");
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_looked_for_before_it_is_repeated() {
    for api in Api::BOTH {
        for (fault, requests) in [
            (Fault::LoseAnswer, 1),
            (Fault::LoseRequest, 2),
            (status(503), 2),
            (Fault::Garbage(502), 2),
            (status(409), 2),
        ] {
            let stand = Stand::start().await;
            let instance = stand.instance(api).await;
            fail(&stand, api, &instance, &write(api), 1, fault.clone());
            let publisher = Publisher::new(&stand, &instance).await;
            let done = publisher
                .addon()
                .publish(&rendered(&[(VAR, "the new one")]), soon())
                .await
                .unwrap();
            assert_eq!(done, Publication::Changed, "{api:?} {fault:?}");
            assert_eq!(stand.shown(&instance), "the new one");
            let writes = stand.heroku.config_writes(&instance.addon).unwrap();
            assert_eq!(writes, 1, "{api:?} {fault:?}");
            let sent = stand.config_requests(&instance, &write(api));
            assert_eq!(sent, requests, "{api:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_write_that_met_the_rate_limit_is_repeated_without_another_look() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let publisher = Publisher::new(&stand, &instance).await;
        let addon = publisher.addon();
        fail(&stand, api, &instance, &write(api), 2, status(429));
        // And looked for once its answer is lost.
        fail(&stand, api, &instance, &write(api), 1, Fault::LoseAnswer);
        let done = addon
            .publish(&rendered(&[(VAR, "the new one")]), soon())
            .await
            .unwrap();
        assert_eq!(done, Publication::Changed);
        assert_eq!(stand.heroku.pending_faults(), 0);
        assert_eq!(stand.config_requests(&instance, &write(api)), 3, "{api:?}");
        let looks = stand.config_requests(&instance, &Method::GET);
        assert_eq!(
            looks, 2,
            "{api:?}: before the first write, and after the lost answer"
        );
        let writes = stand.heroku.config_writes(&instance.addon).unwrap();
        assert_eq!(writes, 1, "{api:?}");
    }
}

#[tokio::test]
async fn a_legacy_id_is_percent_encoded() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let publisher = Publisher::new(&stand, &instance)
        .await
        .with_addon_id(&instance.heroku_id);
    publisher
        .addon()
        .publish(&rendered(&[(VAR, "the new one")]), soon())
        .await
        .unwrap();
    assert_eq!(stand.shown(&instance), "the new one");
    let (user, host) = instance.heroku_id.split_once('@').unwrap();
    let path = format!("/vendor/apps/{user}%40{host}");
    let requests = stand.heroku.requests();
    assert!(requests.iter().all(|request| request.path == path));
}
