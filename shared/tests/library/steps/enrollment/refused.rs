//! What is not enrolled, and changes nothing.

use strict_heroku::Untidiness;

use super::*;

#[tokio::test]
async fn an_event_is_refused_with_all_that_is_wrong_in_it() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V3);
    let mut wrong = event(&stand, &addon, By::Code);
    wrong["RefreshToken"] = stand.heroku.refresh_token(&addon.addon).unwrap().into();
    wrong["RotationDays"] = 0.into();
    wrong["RotationDay"] = 30.into();
    wrong["hunter2"] = 30.into();
    wrong["Document"]["masterarn"] = "nobody".into();
    wrong["Document"]["heroku"]["config"]["ACME_KEY"] = "{{ unknown }}".into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    for part in [
        "GrantCode and RefreshToken exclude",
        "RotationDays must be a whole number from 1 to 365",
        "RotationDay is unknown: did you mean RotationDays?",
        "it has an unknown key",
        "Document: masterarn must be the ARN",
        "Document: heroku.config.ACME_KEY uses an unknown field",
        "A retry does not help",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // By another of its names, one add-on would be two instances.
    let one_id = "heroku.addon_id must be the add-on's UUID in lower case";
    for (by, id, is_refused) in [
        (By::V1, "acme-fluffy-6756", true),
        (By::V1, "app123@heroku.com", false),
        (By::Code, "acme-fluffy-6756", true),
        (By::Code, "app123@heroku.com", true),
        (By::Code, "01234567-89AB-CDEF-0123-456789ABCDEF", true),
        (By::Code, "0123456789abcdef0123456789abcdef", true),
    ] {
        let addon = stand.provisioned(by.api());
        let mut wrong = event(&stand, &addon, by);
        wrong["RotationDays"] = 0.into();
        wrong["Document"]["heroku"]["addon_id"] = id.into();
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
        assert_eq!(message.contains(one_id), is_refused, "{id}: {message}");
    }
    let mut wrong = event(&stand, &stand.provisioned(Api::V1), By::V1);
    wrong["GrantCode"] = addon.grant_code.as_str().into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(message.contains("are for v3 only"), "{message}");
    for (wrong, expected) in [
        (json!({}), "Document is missing"),
        (json!({ "Document": "text" }), "Document must be an object"),
        (json!([]), "it must be a JSON object"),
    ] {
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(asked(&stand), [""; 0]);
}

/// Heroku knows an old add-on by two ids, each of which would be an instance with a secret of its own.
#[tokio::test]
async fn an_add_on_with_two_ids_is_enrolled_by_one_id() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V1);
    let mut old = event(&stand, &addon, By::V1);
    old["Document"]["heroku"]["addon_id"] = addon.heroku_id.as_str().into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, old.clone()).await);
    for part in [
        addon.heroku_id.as_str(),
        addon.addon.as_str(),
        "by its UUID",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // Where Heroku says no other, it is the one.
    stand.heroku.set_untidiness(Untidiness {
        without_uuid: true,
        ..Untidiness::default()
    });
    let enrolled = enroll(&stand, old).await;
    let arn = enrolled["SecretArn"].as_str().unwrap();
    assert!(arn.contains(&addon.heroku_id), "{arn}");
}

#[tokio::test]
async fn what_is_wrong_elsewhere_is_told_at_once_before_a_code_is_used() {
    for by in By::ALL {
        let stand = Stand::start().await;
        let addon = stand.provisioned(by.api());
        show(&stand, &addon, "something else");
        let mut wrong = event(&stand, &addon, by);
        wrong["Document"]["api_key"] = "acme_live_that_nobody_issued".into();
        // A secret that is there, and no administrator's.
        let nobody = stand.lambda.heroku().partner.as_str();
        wrong["Document"]["masterarn"] = nobody.into();
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
        assert!(message.contains("nothing was changed"), "{message}");
        assert!(
            message.contains("service refuses the document's credential"),
            "{message}"
        );
        assert!(message.contains("no administrator's secret"), "{message}");
        assert!(message.contains(nobody), "{message}");
        assert_eq!(
            message.contains("Heroku shows other values"),
            by == By::V1,
            "{message}"
        );
        assert_eq!(there(&stand, &addon), [false, false]);
        assert_eq!(stand.token_requests(), 0);
    }
}

#[tokio::test]
async fn a_config_var_that_the_add_on_does_not_have_is_no_other_value() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V1);
    let mut wrong = event(&stand, &addon, By::V1);
    let template = addon.document["heroku"]["config"][VAR].clone();
    wrong["Document"]["heroku"]["config"] = json!({ "ACMEURL": template });
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    let part = format!("Add-on {} has no config var ACMEURL (it has ", addon.addon);
    assert!(message.contains(&part), "{message}");
    assert!(!message.contains("other values"), "{message}");
}

/// The function has no right to the administrator's secret: that which has tries it.
#[tokio::test]
async fn an_administrator_that_cannot_rotate_is_told_and_nothing_is_left_of_the_enrolment() {
    let right =
        |stand: &Stand, token: &str| json!({ "token": token, "url": stand.service.url().as_str() });
    for by in By::ALL {
        let stand = Stand::start().await;
        let administrator = stand.administrator().await;
        let token = administrator.text("token").unwrap();
        for (fields, cause) in [
            (
                right(&stand, "hunter2"),
                "the service refused the administrator",
            ),
            (json!({ "token": token }), "does not say for which address"),
            (
                json!({ "token": token, "url": "https://api.acme.example" }),
                "https://api.acme.example",
            ),
        ] {
            stand.store_administrator(&fields).await;
            let addon = stand.provisioned(by.api());
            let credentials = stand.service.live();
            let sent = event(&stand, &addon, by);
            let message = refusal(&stand, stand.lambda.ask(FUNCTION, sent.clone()).await);
            assert!(message.contains(cause), "{message}");
            assert!(
                message.contains(stand.administrator_arn().as_str()),
                "{message}"
            );
            assert!(
                message.contains("A retry does not help") || by == By::Code,
                "{message}"
            );
            assert_eq!(there(&stand, &addon), [false, by == By::Code], "{message}");
            assert_eq!(stand.service.live(), credentials, "{cause}");
            // No rotation has failed: that is what operators are alarmed of.
            let requests = stand.gateway.requests();
            let mut operations = requests.iter().map(|it| it.operation.as_str());
            assert!(!operations.any(|it| it.ends_with(":PutEvents")), "{cause}");

            stand.store_administrator(&right(&stand, token)).await;
            assert_ne!(enroll(&stand, sent).await["Outcome"], "unchanged");
        }
    }
}

/// What answers in create-secret's place is not its word, and may pass.
#[tokio::test]
async fn a_rehearsal_that_cannot_be_had_is_no_failed_rotation_and_may_be_had_later() {
    let stand = Stand::start().await;
    stand
        .lambda
        .answer_with("create-secret", |_| Ok(json!("a gateway's page")));
    for by in By::ALL {
        let addon = stand.provisioned(by.api());
        let sent = event(&stand, &addon, by);
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, sent).await);
        assert!(message.contains("create-secret"), "{message}");
        assert!(message.ends_with("A retry can help."), "{by:?} {message}");
        assert_eq!(there(&stand, &addon), [false, by == By::Code], "{message}");
    }
    let requests = stand.gateway.requests();
    let mut operations = requests.iter().map(|it| it.operation.as_str());
    assert!(!operations.any(|it| it.ends_with(":PutEvents")));
}

#[tokio::test]
async fn a_v3_instance_needs_its_tokens_from_somewhere() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V3);
    let without = json!({ "Document": addon.document });
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, without).await);
    assert!(message.contains("Add GrantCode"), "{message}");

    let mut wrong = event(&stand, &addon, By::Code);
    wrong["GrantCode"] = "a-code-that-is-not".into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(message.contains("older than five minutes"), "{message}");
    assert_eq!(there(&stand, &addon), [false, false]);

    let mut wrong = event(&stand, &addon, By::RefreshToken);
    wrong["RefreshToken"] = "a-token-that-is-not".into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(
        message.contains("Correct the refresh token of"),
        "{message}"
    );
    assert_eq!(there(&stand, &addon), [false, false]);

    let mut wrong = event(&stand, &addon, By::Code);
    wrong["Document"]["heroku"]["oauth"] = stand.administrator_arn().as_str().into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(
        message.contains("heroku.oauth is of an earlier version"),
        "{message}"
    );
    let answer = enroll(&stand, event(&stand, &addon, By::Code)).await;
    assert_eq!(answer["Outcome"], "created");
}

#[tokio::test]
async fn what_is_somebody_elses_is_refused_before_anything_is_changed() {
    let stand = Stand::start().await;
    let stack = |name: &str| json!([{ "Key": "rotation:stack", "Value": name }]);
    let function = "arn:aws:lambda:us-east-1:000000000000:function:another";
    let rotated = format!("is rotated by {function}. → Name this stack's function");
    for (case, part) in [
        (
            "another stack's",
            "does not have the tag rotation:stack=addon-rotation. → If it is this stack's, tag it",
        ),
        ("another add-on's", "Correct heroku.addon_id"),
        ("another credential", "differs in api_key"),
        ("another template", "differs in heroku.config"),
        ("deleted", "is marked for deletion"),
        ("another function's", &rotated),
    ] {
        let addon = stand.provisioned(Api::V3);
        let name = addon.name();
        let (mut stored, mut tags) = (addon.document.clone(), stack("addon-rotation"));
        match case {
            "another stack's" => tags = stack("another"),
            "another add-on's" => stored["heroku"]["addon_id"] = "acme-another".into(),
            "another credential" => stored["api_key"] = "acme_live_another".into(),
            "another template" => {
                stored["heroku"]["config"]["ACME_KEY"] = "{{ api_key }}".into();
            }
            _ => {}
        }
        let parameters = json!({
            "Name": name, "SecretString": stored.to_string(), "Tags": tags,
            "ClientRequestToken": crate::support::version_id().as_str(),
        });
        stand.call("CreateSecret", parameters).await.unwrap();
        let named = json!({ "SecretId": name });
        match case {
            "deleted" => drop(stand.call("DeleteSecret", named).await.unwrap()),
            "another function's" => {
                let secrets = stand.gateway.secrets_manager();
                let caller = strict_aws::secrets_manager::Caller("operator".to_owned());
                let parameters = json!({
                    "SecretId": name, "RotationLambdaARN": function,
                    "RotationRules": { "AutomaticallyAfterDays": 90 },
                    "ClientRequestToken": crate::support::version_id().as_str(),
                    "RotateImmediately": true,
                });
                let _ = secrets.handle(&caller, "RotateSecret", parameters).await;
            }
            _ => {}
        }
        let before = stand.gateway.requests().len();
        let event = event(&stand, &addon, By::Code);
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, event).await);
        assert!(message.contains(part), "{case}: {message}");
        assert!(message.contains(&name), "{case}: {message}");
        let asked = stand.gateway.requests().split_off(before);
        let changes = asked.iter().filter(|it| {
            !["DescribeSecret", "GetSecretValue", "GetItem"]
                .iter()
                .any(|read| it.operation.contains(read))
        });
        assert_eq!(changes.count(), 0, "{case}");
    }
    assert_eq!(stand.token_requests(), 0);
}
