//! Enrolment: what it makes, what it refuses, and what a failed one leaves.

use addon_rotation::rotation_schedule::schedule_expression;
use http::Method;
use lambda_runtime::Diagnostic;
use local_cloud::gateway::GatewayFault;
use local_cloud::heroku::{Fault, FaultRule};
use serde_json::{Value, json};

use super::{assert_settled, fire, releases};
use crate::support::{Api, Provisioned, Stand, VAR};

const FUNCTION: &str = "enroll-addon";

/// How a v3 instance's tokens come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    V1,
    Code,
    RefreshToken,
}

impl By {
    const ALL: [Self; 3] = [Self::V1, Self::Code, Self::RefreshToken];

    fn api(self) -> Api {
        match self {
            Self::V1 => Api::V1,
            Self::Code | Self::RefreshToken => Api::V3,
        }
    }
}

fn event(stand: &Stand, addon: &Provisioned, by: By) -> Value {
    let mut event = json!({ "Document": addon.document });
    match by {
        By::V1 => {}
        By::Code => event["GrantCode"] = addon.grant_code.as_str().into(),
        By::RefreshToken => {
            event["RefreshToken"] = stand.heroku.refresh_token(&addon.addon).unwrap().into();
        }
    }
    event
}

async fn enroll(stand: &Stand, event: Value) -> Value {
    stand.lambda.ask(FUNCTION, event).await.unwrap()
}

/// The message of an error that holds no secret.
fn refusal(stand: &Stand, answer: Result<Value, Diagnostic>) -> String {
    let message = answer.unwrap_err().error_message;
    stand.assert_holds_no_secret(&message);
    message
}

/// Which of the instance's two secrets are there.
fn there(stand: &Stand, addon: &Provisioned) -> [bool; 2] {
    let secrets = stand.gateway.secrets_manager();
    addon.names().map(|name| {
        secrets
            .secret(&name)
            .is_some_and(|it| it.deletion.is_none())
    })
}

async fn described(stand: &Stand, name: &str) -> Value {
    let parameters = json!({ "SecretId": name });
    stand.call("DescribeSecret", parameters).await.unwrap()
}

/// What was asked of AWS in the function's name.
fn asked(stand: &Stand) -> Vec<String> {
    let requests = stand.gateway.requests().into_iter();
    let own = requests.filter(|it| it.access_key_id.as_deref() == Some(FUNCTION));
    own.map(|it| it.operation).collect()
}

/// Heroku shows another credential than the document has.
fn show(stand: &Stand, addon: &Provisioned, value: &str) {
    let config = [(VAR.to_owned(), value.to_owned())].into();
    stand.heroku.set_config(&addon.addon, &config).unwrap();
}

fn shown(stand: &Stand, addon: &Provisioned) -> String {
    stand.heroku.config(&addon.addon).unwrap()[VAR].clone()
}

#[tokio::test]
async fn an_instance_is_enrolled_once_and_rotates() {
    for by in By::ALL {
        let stand = Stand::start().await;
        let addon = stand.provisioned(by.api());
        let answer = enroll(&stand, event(&stand, &addon, by)).await;
        let [name, oauth_name] = addon.names();
        let secret = described(&stand, &name).await;
        assert_eq!(answer["Outcome"], "created", "{by:?}");
        assert_eq!(answer["SecretArn"], secret["ARN"]);
        let version = answer["VersionId"].as_str().unwrap();
        let labels = &secret["VersionIdsToStages"];
        assert_eq!(*labels, json!({ version: ["AWSCURRENT"] }), "{by:?}");
        let schedule = schedule_expression(&addon.addon, 90);
        assert_eq!(answer["ScheduleExpression"], *schedule);
        assert_eq!(secret["RotationRules"]["ScheduleExpression"], *schedule);
        assert_eq!(secret["RotationRules"]["Duration"], "1h");
        assert_eq!(secret["RotationEnabled"], true);
        let tags = json!([{ "Key": "rotation:stack", "Value": "addon-rotation" }]);
        assert_eq!(secret["Tags"], tags);
        if by != By::V1 {
            let oauth = described(&stand, &oauth_name).await;
            let tags = json!([{ "Key": "rotation:oauth-of", "Value": "addon-rotation" }]);
            assert_eq!(oauth["Tags"], tags);
            let arn = answer["SecretArn"].as_str().unwrap().parse().unwrap();
            let stored = stand.value(&arn, None).await;
            assert_eq!(stored["heroku"]["oauth"], oauth["ARN"]);
            let oauth = oauth["ARN"].as_str().unwrap().parse().unwrap();
            let stored = stand.value(&oauth, None).await;
            let token = stand.heroku.refresh_token(&addon.addon).unwrap();
            assert_eq!(stored, json!({ "refresh_token": token }));
        }

        let (before, tokens) = (asked(&stand).len(), stand.token_requests());
        let again = enroll(&stand, event(&stand, &addon, by)).await;
        assert_eq!(again["Outcome"], "unchanged", "{by:?}");
        for field in ["SecretArn", "VersionId", "ScheduleExpression"] {
            assert_eq!(again[field], answer[field]);
        }
        let asked = asked(&stand).split_off(before);
        let reads = ["DescribeSecret", "GetSecretValue"].map(|it| format!("secretsmanager:{it}"));
        assert!(asked.iter().all(|it| reads.contains(it)), "{asked:?}");
        assert_eq!(stand.token_requests(), tokens);

        let instance = addon.enrolled(&answer);
        assert_eq!(releases(&stand, &instance), 0);
        let first = stand.current(&instance);
        stand.rotate(&instance).await;
        // The document is the one that it was enrolled with.
        let rotated = enroll(&stand, event(&stand, &addon, by)).await;
        assert_eq!(rotated["Outcome"], "unchanged", "{by:?}");
        assert_eq!(rotated["VersionId"], stand.current(&instance).as_str());
        fire(&stand, &first, 0).await;
        assert_settled(&stand, &instance).await;
    }
}

#[tokio::test]
async fn an_interval_of_its_own() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V1);
    let mut event = event(&stand, &addon, By::V1);
    event["RotationDays"] = 30.into();
    let answer = enroll(&stand, event).await;
    let schedule = schedule_expression(&addon.addon, 30);
    assert_eq!(answer["ScheduleExpression"], *schedule);
}

#[tokio::test]
async fn an_event_is_refused_with_all_that_is_wrong_in_it() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V3);
    let mut wrong = event(&stand, &addon, By::Code);
    wrong["RefreshToken"] = stand.heroku.refresh_token(&addon.addon).unwrap().into();
    wrong["RotationDays"] = 0.into();
    wrong["Document"]["masterarn"] = "nobody".into();
    wrong["Document"]["heroku"]["config"]["ACME_KEY"] = "{{ unknown }}".into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    for part in [
        "GrantCode and RefreshToken exclude",
        "RotationDays must be from 1 to 365",
        "Document: masterarn must be the ARN",
        "Document: heroku.config.ACME_KEY uses an unknown field",
        "A retry cannot help",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let mut wrong = event(&stand, &stand.provisioned(Api::V1), By::V1);
    wrong["GrantCode"] = addon.grant_code.as_str().into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(message.contains("are for v3 alone"), "{message}");
    for (wrong, expected) in [
        (json!({}), "Document is missing"),
        (
            json!({ "Document": "text" }),
            "Document must be a JSON object",
        ),
        (json!([]), "it must be a JSON object"),
    ] {
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(asked(&stand), [""; 0]);
}

#[tokio::test]
async fn what_is_wrong_elsewhere_is_told_at_once_before_a_code_is_used() {
    for by in By::ALL {
        let stand = Stand::start().await;
        let addon = stand.provisioned(by.api());
        show(&stand, &addon, "something else");
        let mut wrong = event(&stand, &addon, by);
        wrong["Document"]["api_key"] = "acme_live_that_nobody_issued".into();
        let nobody = "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/nobody-AbCdEf";
        wrong["Document"]["masterarn"] = nobody.into();
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
        assert!(message.contains("nothing was changed"), "{message}");
        assert!(
            message.contains("service refuses the document's credential"),
            "{message}"
        );
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
async fn a_v3_instance_needs_its_tokens_from_somewhere() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V3);
    let without = json!({ "Document": addon.document });
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, without).await);
    assert!(message.contains("needs GrantCode"), "{message}");

    let mut wrong = event(&stand, &addon, By::Code);
    wrong["GrantCode"] = "a-code-that-is-not".into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(message.contains("good for one exchange"), "{message}");
    assert_eq!(there(&stand, &addon), [false, false]);

    let mut wrong = event(&stand, &addon, By::RefreshToken);
    wrong["RefreshToken"] = "a-token-that-is-not".into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(message.contains("correct refresh_token"), "{message}");
    assert_eq!(there(&stand, &addon), [false, false]);

    let mut wrong = event(&stand, &addon, By::Code);
    wrong["Document"]["heroku"]["oauth"] = stand.administrator_arn().as_str().into();
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(message.contains("heroku.oauth names"), "{message}");
    let answer = enroll(&stand, event(&stand, &addon, By::Code)).await;
    assert_eq!(answer["Outcome"], "created");
}

#[tokio::test]
async fn a_refresh_token_is_kept_if_it_cannot_be_had_again_and_completes_the_enrolment() {
    let stand = Stand::start().await;
    for by in [By::Code, By::RefreshToken] {
        let addon = stand.provisioned(Api::V3);
        let right = shown(&stand, &addon);
        show(&stand, &addon, "something else");
        let wrong = event(&stand, &addon, by);
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong.clone()).await);
        assert!(message.contains("Heroku shows other values"), "{message}");
        let is_kept = by == By::Code;
        assert_eq!(there(&stand, &addon), [false, is_kept], "{by:?}");
        assert_eq!(message.contains("without GrantCode"), is_kept, "{message}");
        show(&stand, &addon, &right);
        let again = if is_kept {
            json!({ "Document": addon.document })
        } else {
            wrong
        };
        let before = stand.token_requests();
        let answer = enroll(&stand, again).await;
        let outcome = if is_kept { "completed" } else { "created" };
        assert_eq!(answer["Outcome"], outcome, "{by:?}");
        // The look, and the probe.
        assert_eq!(stand.token_requests(), before + 2);
    }
}

#[tokio::test]
async fn rotation_that_is_off_is_switched_on() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V3);
    let answer = enroll(&stand, event(&stand, &addon, By::Code)).await;
    let parameters = json!({ "SecretId": answer["SecretArn"] });
    stand.call("CancelRotateSecret", parameters).await.unwrap();
    let again = enroll(&stand, json!({ "Document": addon.document })).await;
    assert_eq!(again["Outcome"], "completed");
    assert_eq!(
        described(&stand, &addon.names()[0]).await["RotationEnabled"],
        true
    );
}

#[tokio::test]
async fn what_is_somebody_elses_is_refused_before_anything_is_changed() {
    let stand = Stand::start().await;
    let stack = |name: &str| json!([{ "Key": "rotation:stack", "Value": name }]);
    let function = "arn:aws:lambda:us-east-1:000000000000:function:another";
    for (case, part) in [
        ("another stack's", "is not this stack's"),
        ("another add-on's", "correct heroku.addon_id"),
        ("another credential", "differs in api_key"),
        ("another template", "differs in heroku.config"),
        ("deleted", "is marked for deletion"),
        ("another stack's tokens", "rotation:oauth-of=addon-rotation"),
        ("another function's", function),
    ] {
        let addon = stand.provisioned(Api::V3);
        let [name, oauth] = addon.names();
        let mut stored = addon.document.clone();
        stored["heroku"]["oauth"] = stand.administrator_arn().as_str().into();
        let (mut name, mut tags) = (name, stack("addon-rotation"));
        match case {
            "another stack's" => tags = stack("another"),
            "another add-on's" => stored["heroku"]["addon_id"] = "acme-another".into(),
            "another credential" => stored["api_key"] = "acme_live_another".into(),
            "another template" => {
                stored["heroku"]["config"]["ACME_KEY"] = "{{ api_key }}".into();
            }
            "another stack's tokens" => name = oauth,
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
                let caller = local_cloud::secrets_manager::Caller("operator".to_owned());
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
            !it.operation.contains("DescribeSecret") && !it.operation.contains("GetSecretValue")
        });
        assert_eq!(changes.count(), 0, "{case}");
    }
    assert_eq!(stand.token_requests(), 0);
}

/// Fails every request of the function in turn, until it has answered.
#[tokio::test]
async fn a_failed_enrolment_leaves_nothing_behind_and_can_be_repeated() {
    for by in By::ALL {
        let stand = Stand::start().await;
        let mut requests = vec![
            ("DescribeSecret", Some(0)),
            ("DescribeSecret", None),
            ("GetSecretValue", None),
            ("CreateSecret", Some(0)),
            ("RotateSecret", None),
        ];
        if by != By::V1 {
            requests.push(("DescribeSecret", Some(1)));
            requests.push(("CreateSecret", Some(1)));
        }
        for (operation, secret) in requests {
            for fault in [400, 0] {
                let addon = stand.provisioned(by.api());
                let about = secret.map(|index| addon.names()[index].clone());
                let about = about.unwrap_or_default();
                // One that SDK and function do not repeat, or one whose effect comes about.
                let fault = match fault {
                    0 => Fault::LoseAnswer,
                    status => Fault::Status {
                        status,
                        retry_after: None,
                    },
                };
                stand.gateway.fail_next(GatewayFault {
                    operation: format!("secretsmanager:{operation}"),
                    about: about.clone(),
                    fault: fault.clone(),
                });
                let what = format!("{by:?} {operation} {about} {fault:?}");
                let event = event(&stand, &addon, by);
                let answer = stand.lambda.ask(FUNCTION, event.clone()).await;
                assert_eq!(stand.gateway.pending_faults(&about), 0, "{what}");
                match answer {
                    Ok(answer) => {
                        assert_eq!(answer["Outcome"], "created", "{what}");
                    }
                    Err(error) => {
                        let message = error.error_message;
                        stand.assert_holds_no_secret(&message);
                        assert_eq!(
                            fault,
                            Fault::Status {
                                status: 400,
                                retry_after: None
                            },
                            "{what}: {message}"
                        );
                        let exchanged = message.contains("without GrantCode");
                        assert_eq!(
                            there(&stand, &addon),
                            [false, exchanged],
                            "{what}: {message}"
                        );
                        assert!(!exchanged || by == By::Code, "{what}: {message}");
                        let answer = enroll(&stand, event).await;
                        let outcome = if exchanged { "completed" } else { "created" };
                        assert_eq!(answer["Outcome"], outcome, "{what}");
                    }
                }
                let again = enroll(&stand, json!({ "Document": addon.document })).await;
                assert_eq!(again["Outcome"], "unchanged", "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_probe_that_fails_leaves_nothing_behind() {
    for by in [By::V1, By::RefreshToken] {
        let stand = Stand::start().await;
        let addon = stand.provisioned(by.api());
        stand.lambda.crash_next(crate::support::Crash {
            function: "test-secret",
            step: None,
            when: crate::support::When::Before,
        });
        let event = event(&stand, &addon, by);
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, event.clone()).await);
        assert!(message.contains("RotateSecret"), "{message}");
        assert_eq!(there(&stand, &addon), [false, false], "{message}");
        assert_eq!(enroll(&stand, event).await["Outcome"], "created");
    }
}

#[tokio::test]
async fn heroku_and_the_service_out_of_order_leave_nothing_behind() {
    let stand = Stand::start().await;
    for by in By::ALL {
        let addon = stand.provisioned(by.api());
        let refused = |path: &str| FaultRule {
            method: Some(Method::GET),
            path_prefix: path.to_owned(),
            count: 1,
            fault: Fault::Status {
                status: 403,
                retry_after: None,
            },
        };
        let path = match by {
            By::V1 => format!("/vendor/apps/{}", addon.addon),
            By::Code | By::RefreshToken => format!("/addons/{}", addon.addon),
        };
        stand.heroku.fail_next(refused(&path));
        let event = event(&stand, &addon, by);
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, event.clone()).await);
        assert!(message.contains("Heroku refuses to read"), "{message}");
        assert_eq!(there(&stand, &addon), [false, by == By::Code], "{message}");
        // The one that is good for nothing any more does no harm.
        assert_ne!(enroll(&stand, event).await["Outcome"], "unchanged");
    }
}

#[tokio::test]
async fn a_token_that_heroku_renews_on_the_way_is_kept() {
    let stand = Stand::start().await;
    stand
        .heroku
        .set_token_rules(local_cloud::heroku::TokenRules {
            rotate_refresh_token: true,
            ..local_cloud::heroku::TokenRules::default()
        });
    let addon = stand.provisioned(Api::V3);
    let right = shown(&stand, &addon);
    show(&stand, &addon, "something else");
    let wrong = event(&stand, &addon, By::RefreshToken);
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(
        message.contains("Heroku has renewed the refresh token"),
        "{message}"
    );
    assert_eq!(there(&stand, &addon), [false, true]);
    show(&stand, &addon, &right);
    let answer = enroll(&stand, json!({ "Document": addon.document })).await;
    assert_eq!(answer["Outcome"], "completed");
}
