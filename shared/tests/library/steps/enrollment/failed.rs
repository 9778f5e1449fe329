//! Enrolments that fail half-way, and what they leave.

use super::*;

/// Fails every request of the function in turn, until it has answered.
#[tokio::test]
async fn a_failed_enrolment_leaves_nothing_behind_and_can_be_repeated() {
    for by in By::ALL {
        let stand = Stand::start().await;
        let mut requests = vec![
            ("secretsmanager:DescribeSecret", true),
            ("secretsmanager:DescribeSecret", false),
            ("secretsmanager:GetSecretValue", false),
            ("secretsmanager:CreateSecret", true),
            ("secretsmanager:RotateSecret", false),
        ];
        if by != By::V1 {
            requests.extend([("dynamodb:GetItem", false), ("dynamodb:UpdateItem", false)]);
        }
        for (operation, is_of_secret) in requests {
            for fault in [400, 0] {
                let addon = stand.provisioned(by.api());
                let about = if is_of_secret {
                    addon.name()
                } else {
                    String::new()
                };
                // One that SDK and function do not repeat, or one whose effect comes about.
                let fault = match fault {
                    0 => Fault::LoseAnswer,
                    status => Fault::status(status),
                };
                stand.aws_fails(operation, &about, fault.clone());
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
                        assert_eq!(fault, Fault::status(400), "{what}: {message}");
                        let exchanged = message.contains("cannot be replaced");
                        // AWS's own error says neither that rotation is off, nor that its test is over.
                        let kept = message.contains("its rotation may be on");
                        assert_eq!(
                            kept,
                            operation.ends_with("RotateSecret"),
                            "{what}: {message}"
                        );
                        assert_eq!(
                            there(&stand, &addon),
                            [kept, exchanged || kept && by != By::V1],
                            "{what}: {message}"
                        );
                        assert!(!exchanged || by == By::Code, "{what}: {message}");
                        let answer = enroll(&stand, event).await;
                        let completed = exchanged || kept;
                        let outcome = if completed { "completed" } else { "created" };
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
        stand.lambda.crash_next(Crash::before("test-secret"));
        let event = event(&stand, &addon, by);
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, event.clone()).await);
        assert!(message.contains("RotateSecret"), "{message}");
        assert_eq!(there(&stand, &addon), [false, false], "{message}");
        assert_eq!(enroll(&stand, event).await["Outcome"], "created");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_named_and_completed_by_the_next_call() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V3);
    stand.lambda.crash_next(Crash::before("test-secret"));
    // Longer than anybody tries.
    for _ in 0..1000 {
        let fault = Fault::status(400);
        stand.aws_fails("secretsmanager:DeleteSecret", &addon.name(), fault);
    }
    let event = event(&stand, &addon, By::RefreshToken);
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, event.clone()).await);
    assert!(message.contains("RotateSecret"), "{message}");
    assert!(message.contains("is left behind"), "{message}");
    assert_eq!(there(&stand, &addon), [true, true]);
    let answer = enroll(&stand, event).await;
    assert_eq!(answer["Outcome"], "completed");
}

#[tokio::test]
async fn heroku_and_the_service_out_of_order_leave_nothing_behind() {
    let stand = Stand::start().await;
    for by in By::ALL {
        let addon = stand.provisioned(by.api());
        let refused = |path: &str| FaultRule::next(Fault::status(403)).by(Method::GET).at(path);
        let path = match by {
            By::V1 => format!("/vendor/apps/{}", addon.addon),
            By::Code | By::RefreshToken => format!("/addons/{}", addon.addon),
        };
        stand.heroku.fail_next(refused(&path));
        let event = event(&stand, &addon, by);
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, event.clone()).await);
        assert!(
            message.contains("at Heroku failed: it refused"),
            "{message}"
        );
        assert_eq!(there(&stand, &addon), [false, by == By::Code], "{message}");
        // The one that is good for nothing any more does no harm.
        assert_ne!(enroll(&stand, event).await["Outcome"], "unchanged");
    }
}

/// The answer to `RotateSecret` is lost, and no look shows what it has done.
#[tokio::test]
async fn nothing_is_taken_back_while_rotation_may_be_on() {
    for by in By::ALL {
        let stand = Stand::start().await;
        let addon = stand.provisioned(by.api());
        stand.gateway.secrets_manager().be(Untidy {
            late_reads: 3,
            late_for: Some(FUNCTION),
            ..Untidy::default()
        });
        stand.aws_fails("secretsmanager:RotateSecret", "", Fault::LoseAnswer);
        let event = event(&stand, &addon, by);
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, event.clone()).await);
        assert!(
            message.contains("Repeat the enrolment without GrantCode"),
            "{message}"
        );
        assert_eq!(there(&stand, &addon), [true, by != By::V1], "{message}");
        look(&stand, &addon).await;
        let again = enroll(&stand, event).await;
        assert_eq!(again["Outcome"], "unchanged", "{by:?}");
    }
}

#[tokio::test]
async fn a_name_whose_deletion_lingers_is_told_and_can_be_enrolled_soon() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V1);
    stand.gateway.secrets_manager().be(Untidy {
        lingering: 2,
        ..Untidy::default()
    });
    stand.lambda.crash_next(Crash::before("test-secret"));
    let event = event(&stand, &addon, By::V1);
    refusal(&stand, stand.lambda.ask(FUNCTION, event.clone()).await);
    assert_eq!(there(&stand, &addon), [false, false]);
    for part in ["repeat the enrolment in some seconds", "retry can help"] {
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, event.clone()).await);
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(enroll(&stand, event).await["Outcome"], "created");
}

/// The secret of an earlier life can be restored for some days, and no look shows it yet.
#[tokio::test]
async fn what_was_there_before_is_not_taken_for_what_this_call_made() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V1);
    let name = addon.name();
    stand.gateway.secrets_manager().be(Untidy {
        late_reads: 1,
        late_for: Some(FUNCTION),
        ..Untidy::default()
    });
    let secrets = stand.gateway.secrets_manager();
    let (caller, named) = (Caller(FUNCTION.to_owned()), json!({ "SecretId": name }));
    let look = secrets.handle(&caller, "DescribeSecret", named.clone());
    look.await.unwrap_err();
    crate::support::create_secret(&stand.gateway, &name, &addon.document, &json!([])).await;
    stand.call("DeleteSecret", named.clone()).await.unwrap();
    let event = event(&stand, &addon, By::V1);
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, event).await);
    assert!(message.contains("CreateSecret"), "{message}");
    stand.call("RestoreSecret", named).await.unwrap();
}
