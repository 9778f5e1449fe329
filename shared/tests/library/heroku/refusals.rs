//! What cannot be mended by trying again: said at once, with the config var or the remedy and without
//! any value.

use std::time::Duration;

use addon_rotation::deadline::{Deadline, Transient};
use addon_rotation::document::Fields;
use addon_rotation::heroku::{HerokuError, Partner};
use http::Method;
use serde_json::json;
use stand_in::Fault;
use strict_heroku::GoneAs;

use super::{fail, status, write};
use crate::support::{Api, Publisher, Stand, VAR, rendered, soon, within};

#[tokio::test]
async fn a_var_that_the_manifest_does_not_declare_is_named_and_its_value_is_not() {
    for (api, answer) in [(Api::V1, "403 Forbidden"), (Api::V3, "422 Unprocessable")] {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let publisher = Publisher::new(&stand, &instance).await;
        let before = stand.shown(&instance);
        let vars = rendered(&[(VAR, "the new value"), ("ACME_UNDECLARED", "another value")]);
        let error = publisher.addon().publish(&vars, soon()).await.unwrap_err();
        assert!(matches!(error, HerokuError::Refused { .. }), "{error:?}");
        assert!(!error.is_transient() && !error.is_gone());
        let text = error.to_string();
        for part in ["ACME_UNDECLARED", "manifest", &instance.addon, answer] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        for value in ["the new value", "another value"] {
            assert!(!format!("{error:?} {text}").contains(value));
        }
        stand.assert_holds_no_secret(&format!("{error:?} {text}"));
        assert_eq!(stand.shown(&instance), before);
        assert_eq!(stand.config_requests(&instance, &write(api)), 1);
    }
}

#[tokio::test]
async fn an_error_says_the_request_id_that_support_asks_for() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        fail(&stand, api, &instance, &Method::GET, 1, status(403));
        let publisher = Publisher::new(&stand, &instance).await;
        let error = publisher.addon().config(soon()).await.unwrap_err();
        let request_id = stand.heroku.requests().last().unwrap().request_id.clone();
        let text = error.to_string();
        assert!(text.contains(&format!("Request-Id {request_id}")), "{text}");
        assert!(text.contains("id forbidden"), "{text}");
    }
}

#[tokio::test]
async fn an_addon_that_is_gone_is_no_fault_to_retry() {
    for (api, gone_as) in [
        (Api::V1, GoneAs::NotFound),
        (Api::V3, GoneAs::NotFound),
        (Api::V3, GoneAs::Gone),
    ] {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        stand.heroku.set_gone_as(gone_as);
        let publisher = Publisher::new(&stand, &instance).await;
        let addon = publisher.addon();
        // A v3 instance's access token outlives the add-on.
        addon.config(soon()).await.unwrap();
        stand.heroku.deprovision(&instance.addon).unwrap();
        let error = addon.config(soon()).await.unwrap_err();
        assert!(error.is_gone() && !error.is_transient(), "{api:?}: {error}");
        assert!(error.to_string().contains(&instance.addon));
        assert_eq!(stand.config_requests(&instance, &Method::GET), 2);
    }
}

#[tokio::test]
async fn a_wrong_password_names_the_partner_secret() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let partner = json!({ "id": "acme", "password": "an old password" }).to_string();
    let publisher = Publisher::new(&stand, &instance)
        .await
        .with_partner(Partner::new(Fields::parse(&partner).unwrap()));
    let error = publisher.addon().config(soon()).await.unwrap_err();
    assert!(matches!(error, HerokuError::Unauthorized { .. }));
    let text = error.to_string();
    assert!(text.contains("password in the partner secret"), "{text}");
    assert!(!text.contains("an old password"), "{text}");
    assert_eq!(stand.config_requests(&instance, &Method::GET), 1);
}

#[tokio::test]
async fn a_partner_secret_without_a_field_is_told_which() {
    let empty = json!({ "id": "acme", "password": "" }).to_string();
    for (api, field) in [(Api::V1, "password"), (Api::V3, "client_secret")] {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let publisher = Publisher::new(&stand, &instance)
            .await
            .with_partner(Partner::new(Fields::parse(&empty).unwrap()));
        let error = publisher.addon().config(soon()).await.unwrap_err();
        let expected = HerokuError::Incomplete {
            secret: "PARTNER_SECRET_ARN (the partner secret)".to_owned(),
            field,
        };
        assert_eq!(error, expected);
        assert!(stand.heroku.requests().is_empty());
    }
}

#[tokio::test]
async fn a_slow_heroku_ends_in_an_error_before_the_deadline() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let slow = Fault::Slow(Duration::from_mins(1));
        fail(&stand, api, &instance, &Method::GET, 9, slow);
        let publisher = Publisher::new(&stand, &instance).await;
        let deadline = Deadline::after(Duration::from_millis(500));
        let addon = publisher.addon();
        let error = within(addon.config(deadline)).await.unwrap_err();
        assert!(matches!(error, HerokuError::Unreachable { .. }));
        assert!(error.to_string().contains("no answer in time"), "{error}");
    }
}

#[tokio::test]
async fn a_wait_that_outlasts_the_deadline_is_not_begun() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let limited = Fault::Status {
            status: 429,
            retry_after: Some(Duration::from_mins(5)),
        };
        fail(&stand, api, &instance, &Method::GET, 9, limited);
        let publisher = Publisher::new(&stand, &instance).await;
        let addon = publisher.addon();
        let error = within(addon.config(soon())).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_mins(5)));
        assert_eq!(stand.config_requests(&instance, &Method::GET), 1);
    }
}
