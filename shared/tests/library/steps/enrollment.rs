//! Enrolment: what it makes, what it refuses, and what a failed one leaves.

mod failed;
mod moved;
mod refused;

use addon_rotation::rotation_schedule::schedule_expression;
use http::Method;
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use stand_in::events::EventKind;
use stand_in::{Fault, FaultRule};
use strict_aws::secrets_manager::{Caller, Probe, Untidy};

use super::{assert_settled, fire, releases};
use crate::support::{Api, Crash, Instance, Provisioned, Stand, VAR, eventually, soon};

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

/// A new instance, enrolled by the function, so that its secrets bear the names that go with that.
pub(super) async fn enrolled(stand: &Stand, api: Api) -> Instance {
    let addon = stand.provisioned(api);
    let by = match api {
        Api::V1 => By::V1,
        Api::V3 => By::Code,
    };
    let answer = enroll(stand, event(stand, &addon, by)).await;
    addon.enrolled(&answer)
}

/// The message of an error that holds no secret.
fn refusal(stand: &Stand, answer: Result<Value, Diagnostic>) -> String {
    let message = answer.unwrap_err().error_message;
    stand.assert_holds_no_secret(&message);
    message
}

/// Whether the instance's secret is there, and its refresh token.
fn there(stand: &Stand, addon: &Provisioned) -> [bool; 2] {
    let secret = stand.gateway.secrets_manager().secret(&addon.name());
    let is_there = secret.is_some_and(|it| it.deletion.is_none());
    [is_there, !stand.tokens(&addon.addon).is_empty()]
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

/// AWS at its tidiest, and as it may be as well.
fn manners() -> impl Iterator<Item = (By, Untidy)> {
    let late = Untidy {
        late_reads: 2,
        late_for: Some(FUNCTION),
        ..Untidy::default()
    };
    let probes = [
        (Probe::CurrentValue, true),
        (Probe::NoValue, false),
        (Probe::NoValue, true),
    ];
    let probes = probes.map(|(probe, probe_comes_later)| {
        let untidy = Untidy {
            probe,
            probe_comes_later,
            pending_stays: true,
            ..Untidy::default()
        };
        (By::V1, untidy)
    });
    let tidy = By::ALL.map(|by| (by, Untidy::default()));
    let late = By::ALL.map(|by| (by, late));
    tidy.into_iter().chain(late).chain(probes)
}

/// The function's looks show how things stand now.
async fn look(stand: &Stand, addon: &Provisioned) {
    let caller = Caller(FUNCTION.to_owned());
    for _ in 0..4 {
        let secrets = stand.gateway.secrets_manager();
        let named = json!({ "SecretId": addon.name() });
        // The first of them may come too early.
        let _ = secrets.handle(&caller, "DescribeSecret", named).await;
    }
}

/// Until Secrets Manager has had testSecret tried.
async fn probed(stand: &Stand) {
    let tried = |event: &EventKind| matches!(event, EventKind::StepSucceeded { .. }).then_some(());
    stand.wait_for("the probe", tried).await;
    let pending = || {
        let secrets = stand.gateway.secrets_manager().secrets().into_iter();
        secrets
            .filter(|it| it.labelled("AWSPENDING").is_some())
            .count()
    };
    assert!(eventually(async || pending() == 0).await);
}

#[tokio::test]
async fn an_instance_is_enrolled_once_and_rotates() {
    for (by, untidy) in manners() {
        let stand = Stand::start().await;
        stand.gateway.secrets_manager().be(untidy);
        let addon = stand.provisioned(by.api());
        let answer = enroll(&stand, event(&stand, &addon, by)).await;
        probed(&stand).await;
        let secret = described(&stand, &addon.name()).await;
        assert_eq!(answer["Outcome"], "created", "{by:?} {untidy:?}");
        assert_eq!(answer["SecretArn"], secret["ARN"]);
        let version = answer["VersionId"].as_str().unwrap();
        let labels = &secret["VersionIdsToStages"];
        assert_eq!(*labels, json!({ version: ["AWSCURRENT"] }), "{by:?}");
        let schedule = schedule_expression(&addon.addon, 90);
        assert_eq!(answer["ScheduleExpression"], *schedule);
        assert_eq!(secret["RotationRules"]["ScheduleExpression"], *schedule);
        assert_eq!(secret["RotationRules"]["Duration"], "1h");
        assert_eq!(secret["RotationEnabled"], true);
        let tag = json!({ "Key": "rotation:stack", "Value": "addon-rotation" });
        assert_eq!(secret["Tags"][0], tag);
        assert_eq!(secret["Tags"][1]["Key"], "rotation:shown");
        if by != By::V1 {
            let token = stand.heroku.refresh_token(&addon.addon).unwrap();
            assert_eq!(stand.tokens(&addon.addon), [token]);
        }

        look(&stand, &addon).await;
        let (before, tokens) = (asked(&stand).len(), stand.token_requests());
        let again = enroll(&stand, event(&stand, &addon, by)).await;
        assert_eq!(again["Outcome"], "unchanged", "{by:?} {untidy:?}");
        for field in ["SecretArn", "VersionId", "ScheduleExpression"] {
            assert_eq!(again[field], answer[field]);
        }
        let asked = asked(&stand).split_off(before);
        let reads = [
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "dynamodb:GetItem",
        ];
        assert!(
            asked.iter().all(|it| reads.contains(&it.as_str())),
            "{asked:?}"
        );
        assert_eq!(stand.token_requests(), tokens);

        let instance = addon.enrolled(&answer);
        assert_eq!(releases(&stand, &instance), 0);
        let first = stand.current(&instance);
        stand.rotate(&instance).await;
        look(&stand, &addon).await;
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
        assert_eq!(message.contains("cannot be replaced"), is_kept, "{message}");
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
        described(&stand, &addon.name()).await["RotationEnabled"],
        true
    );
}

#[tokio::test]
async fn an_instance_without_its_tokens_is_told_from_an_enrolled_one() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V3);
    enroll(&stand, event(&stand, &addon, By::RefreshToken)).await;
    let store = stand.token_store();
    assert!(store.remove(&addon.addon, soon()).await.unwrap());
    let again = json!({ "Document": addon.document });
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, again).await);
    assert!(message.contains("There is no refresh token"), "{message}");
}

#[tokio::test]
async fn a_token_that_heroku_renews_on_the_way_is_kept() {
    let stand = Stand::start().await;
    let renewal = strict_heroku::Renewal::EndsOld;
    stand.heroku.set_renewal(renewal);
    let addon = stand.provisioned(Api::V3);
    let right = shown(&stand, &addon);
    show(&stand, &addon, "something else");
    let wrong = event(&stand, &addon, By::RefreshToken);
    let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
    assert!(message.contains("Heroku has renewed it"), "{message}");
    assert_eq!(there(&stand, &addon), [false, true]);
    show(&stand, &addon, &right);
    let answer = enroll(&stand, json!({ "Document": addon.document })).await;
    assert_eq!(answer["Outcome"], "completed");
}
