//! `change`: another document, checked, stored and published, wherever it is cut off.

use std::io::Write as _;
use std::time::Duration;

use addon_rotation::document::{id_of_change, is_change};
use addon_rotation_operator::change::{Options, run};
use addon_rotation_operator::{OperatorError, Outcome, rollback};
use secrecy::SecretString;
use serde_json::{Value, json};
use strict_aws::secrets_manager::{RotationOptions, Untidy};
use tempfile::NamedTempFile;
use tokio::task::JoinSet;

use super::{Words, assert_tells_no_secret, be, id, manners, operations, stack};
use crate::steps::{assert_settled, fire};
use crate::support::{Api, Crash, Instance, Stand, credential, next_document, soon, version_id};

/// The document as a partner has it in its records: without the login.
fn bare(instance: &Instance) -> Value {
    let mut document = instance.document.clone();
    let fields = document.as_object_mut().unwrap();
    fields.remove("credential_id");
    fields.remove("api_key");
    document
}

/// The same under another config var.
fn renamed(instance: &Instance) -> Value {
    let mut document = bare(instance);
    let config = document["heroku"]["config"].as_object_mut().unwrap();
    let template = config.remove("ACME_URL").unwrap();
    config.insert("ACME_KEY".to_owned(), template);
    document
}

fn file(document: &Value) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(document.to_string().as_bytes()).unwrap();
    file
}

fn options(instance: &Instance, file: &NamedTempFile) -> Options {
    Options {
        addon: id(instance),
        document: file.path().to_owned(),
        check: false,
        wait: true,
        patience: Duration::from_secs(20),
        yes: true,
    }
}

/// The command; nothing that it says holds a secret value.
async fn typed(stand: &Stand, options: &Options) -> (Words, Result<Outcome, OperatorError>) {
    let words = Words::default();
    let result = run(&stack(stand), &words.output(), options).await;
    assert_tells_no_secret(stand, &words, &result);
    (words, result)
}

async fn change(stand: &Stand, instance: &Instance, document: &Value) -> Words {
    let (words, result) = typed(stand, &options(instance, &file(document))).await;
    assert_eq!(result.unwrap(), Outcome::Fine);
    assert_eq!(words.done(), ["try", "store", "rotate", "rotate"]);
    words
}

/// What the command says of a step that it will take, or of what will be.
fn said(words: &Words, step: &str) -> Option<String> {
    let objects = words.objects().into_iter();
    let mut of_step = objects.filter(|it| it["step"] == step && it["outcome"] == "note");
    of_step
        .next()
        .map(|it| it["message"].as_str().unwrap().to_owned())
}

fn releases(stand: &Stand, instance: &Instance) -> usize {
    stand.heroku.releases(&instance.app).unwrap().len()
}

#[tokio::test]
async fn a_config_var_is_renamed_in_one_release_and_the_old_credential_has_its_grace_period() {
    for untidy in manners() {
        let (stand, instance, first) = Stand::rotated(Api::V3).await;
        fire(&stand, &first, 0).await;
        be(&stand, &instance, untidy).await;
        let (old, before) = (stand.current(&instance), releases(&stand, &instance));
        let mut document = renamed(&instance);
        document["heroku"]["removed"] = json!(["ACME_URL"]);
        let words = change(&stand, &instance, &document).await;
        let told = ["change", "write", "remove"].map(|step| said(&words, step).unwrap());
        assert!(
            told[0].starts_with("heroku.config, heroku.removed of"),
            "{told:?}"
        );
        assert_eq!(told[1..], ["ACME_KEY at Heroku", "ACME_URL at Heroku"]);
        assert_eq!([said(&words, "leave"), said(&words, "token")], [None, None]);

        let config = stand.heroku.config(&instance.addon).unwrap();
        assert!(config.contains_key("ACME_KEY") && !config.contains_key("ACME_URL"));
        assert_eq!(releases(&stand, &instance), before + 1, "{untidy:?}");
        assert!(stand.service.is_live(&credential(&instance, &old)));
        stand.gateway.secrets_manager().be(Untidy::default());
        let secret = stand.snapshot(&instance);
        let stored = secret.labelled("CHANGED").unwrap().parse().unwrap();
        assert!(is_change(&stored));
        // Of the two versions with one credential the changed one ends it.
        fire(&stand, &old, 0).await;
        assert!(stand.service.is_live(&credential(&instance, &old)));
        fire(&stand, &stored, 0).await;
        assert!(!stand.service.is_live(&credential(&instance, &old)));
        let current = stand.current(&instance);
        assert_eq!(stand.service.live(), [credential(&instance, &current)]);
    }
}

#[tokio::test]
async fn what_is_left_behind_is_said_by_name() {
    for (api, remedy) in [
        (Api::V1, "v1 cannot remove it"),
        (Api::V3, "heroku.removed"),
    ] {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        let words = change(&stand, &instance, &renamed(&instance)).await;
        let told = said(&words, "leave").unwrap();
        assert!(
            told.starts_with("ACME_URL ") && told.contains(remedy),
            "{told}"
        );
        // The customer's apps read it still.
        let stored = stand
            .snapshot(&instance)
            .labelled("CHANGED")
            .unwrap()
            .parse()
            .unwrap();
        stand
            .heroku
            .remove_config(&instance.addon, "ACME_URL")
            .unwrap();
        fire(&stand, &stored, 0).await;
        assert!(stand.service.is_live(&instance.imported), "{api:?}");
        fire(&stand, &stored, 1).await;
        assert!(!stand.service.is_live(&instance.imported), "{api:?}");
    }
}

/// The service is at another address; the administrator's secret says so first.
#[tokio::test]
async fn a_host_that_moved_is_tried_before_anything_is_changed() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let old = stand.current(&instance);
    let url = stand
        .service
        .url()
        .as_str()
        .replacen("127.0.0.1", "localhost", 1);
    assert!(url.contains("localhost"));
    let mut document = bare(&instance);
    document["url"] = url.as_str().into();
    let template = stand
        .url_with("{{ api_key }}")
        .replacen("127.0.0.1", "localhost", 1);
    document["heroku"]["config"]["ACME_URL"] = template.into();
    let file = file(&document);
    let (words, result) = typed(&stand, &options(&instance, &file)).await;
    let error = result.unwrap_err();
    assert_eq!(error.status(), 1);
    let error = error.to_string();
    for words in ["Heroku are unchanged", "localhost", "masters/api"] {
        assert!(error.contains(words), "{error}");
    }
    assert!(!error.contains("Nothing was changed"), "{error}");
    assert_eq!(words.done(), [""; 0]);
    assert_eq!(stand.current(&instance), old);

    let administrator = stand.value(stand.administrator_arn(), None).await;
    let administrator = json!({ "token": administrator["token"], "url": url });
    stand.store_administrator(&administrator).await;
    let words = change(&stand, &instance, &document).await;
    let told = said(&words, "close").unwrap();
    assert!(
        told.contains(first.as_str()) && !told.contains(old.as_str()),
        "{told}"
    );
    assert!(stand.shown(&instance).contains("localhost"));
    // Its document has the old address, which the administrator's login is not for any more.
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));
    assert!(!stand.is_labelled_live(&instance, &first));
    // The changed version ends the credential that both have, and the old address is nobody's any more.
    fire(&stand, &old, 0).await;
    assert!(stand.service.is_live(&credential(&instance, &old)));
    let stored = stand
        .snapshot(&instance)
        .labelled("CHANGED")
        .unwrap()
        .parse()
        .unwrap();
    fire(&stand, &stored, 0).await;
    assert!(!stand.service.is_live(&credential(&instance, &old)));
    for attempt in [1, 2] {
        fire(&stand, &old, attempt).await;
    }
    assert!(!stand.is_labelled_live(&instance, &old));
    let current = stand.current(&instance);
    assert_eq!(stand.service.live(), [credential(&instance, &current)]);
}

#[tokio::test]
async fn an_instance_goes_from_v1_to_v3_and_what_it_needs_is_said() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let mut document = bare(&instance);
    document["heroku"]["api"] = "v3".into();
    let file = file(&document);
    let hasty = Options {
        patience: Duration::from_secs(1),
        ..options(&instance, &file)
    };
    let (words, result) = typed(&stand, &hasty).await;
    let told = said(&words, "token").unwrap();
    assert!(told.contains("addon-rotation-refresh-tokens"), "{told}");
    // Without a token: nobody is locked out, and repeating the command finishes.
    let error = result.unwrap_err();
    assert_eq!(error.status(), 1);
    assert!(stand.service.is_live(&instance.imported));
    assert!(is_change(&stand.current(&instance)));

    let token = stand.heroku.refresh_token(&instance.addon).unwrap();
    stand.store_tokens(&instance.addon, &[&token]);
    let (words, result) = typed(&stand, &options(&instance, &file)).await;
    assert_eq!(result.unwrap(), Outcome::Fine);
    assert_eq!(words.done().last().map(String::as_str), Some("rotate"));
    assert!(!is_change(&stand.current(&instance)));
    let stored = stand
        .snapshot(&instance)
        .labelled("CHANGED")
        .unwrap()
        .parse()
        .unwrap();
    fire(&stand, &stored, 0).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn a_document_that_cannot_be_used_changes_nothing_and_all_that_is_wrong_is_said() {
    let (stand, instance, _) = Stand::rotated(Api::V1).await;
    let before = format!("{:?}", stand.snapshot(&instance));
    let mut document = bare(&instance);
    document["api_key"] = "an0ther-key".into();
    document["url"] = "ftp://acme.example".into();
    document["heroku"]["addon_id"] = "another".into();
    document["heroku"]["config"] = json!({ "ACME_URL": "{{ unknown }}" });
    let error = refused(&stand, &instance, &document).await;
    for words in [
        "1. ",
        "2. ",
        "3. ",
        "4. ",
        "api_key",
        "url",
        "heroku.addon_id",
        "unknown",
    ] {
        assert!(error.contains(words), "{error}");
    }
    assert!(!error.contains("an0ther-key"), "{error}");

    let mut document = bare(&instance);
    document["masterarn"] = stand.lambda.heroku().partner.as_str().into();
    let error = refused(&stand, &instance, &document).await;
    assert!(error.contains("masters/"), "{error}");
    let mut document = bare(&instance);
    document["engine"] = "postgres".into();
    let error = refused(&stand, &instance, &document).await;
    assert!(error.contains("engine must be"), "{error}");
    assert_eq!(format!("{:?}", stand.snapshot(&instance)), before);
}

async fn refused(stand: &Stand, instance: &Instance, document: &Value) -> String {
    let (words, result) = typed(stand, &options(instance, &file(document))).await;
    assert_eq!(words.objects(), [json!(null); 0]);
    let error = result.unwrap_err();
    assert_eq!(error.status(), 2);
    error.to_string()
}

#[tokio::test]
async fn nothing_is_changed_while_a_rotation_is_under_way() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    stand.lambda.crash_next(Crash::before("publish-to-heroku"));
    let pending = stand.start_rotation(&instance).await;
    stand.rotation_failed().await;
    let before = format!("{:?}", stand.snapshot(&instance));
    let error = refused(&stand, &instance, &renamed(&instance)).await;
    assert!(
        error.contains(pending.as_str()) && error.contains("under way"),
        "{error}"
    );
    assert_eq!(format!("{:?}", stand.snapshot(&instance)), before);
    assert_eq!(stand.current(&instance), first);
}

/// It begins while the document is tried.
#[tokio::test]
async fn a_rotation_that_begins_meanwhile_is_not_overtaken() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let file = file(&renamed(&instance));
    let options = options(&instance, &file);
    let began = async {
        let tried = || stand.lambda.records_of("create-secret").len();
        while tried() == 0 {
            tokio::task::yield_now().await;
        }
        stand.lambda.crash_next(Crash::before("publish-to-heroku"));
        stand.start_rotation(&instance).await
    };
    let ((_, result), pending) = tokio::join!(typed(&stand, &options), began);
    let error = result.unwrap_err();
    assert_eq!(error.status(), 1, "{error}");
    let error = error.to_string();
    for words in ["Heroku are unchanged", pending.as_str()] {
        assert!(error.contains(words), "{error}");
    }
    assert!(!error.contains("Nothing was changed"), "{error}");
    assert_eq!(stand.current(&instance), first);
}

/// It begins between the last look and the change, which a look that is late does not show.
#[tokio::test]
async fn a_rotation_of_the_earlier_document_is_told_of_and_not_waited_for() {
    let stand = Stand::with(RotationOptions {
        attempts: 1,
        ..RotationOptions::default()
    })
    .await;
    let instance = stand.enrolled(Api::V1).await;
    be(&stand, &instance, manners()[2]).await;
    let file = file(&renamed(&instance));
    let options = options(&instance, &file);
    let began = async {
        let tried = || stand.lambda.records_of("create-secret").len();
        while tried() == 0 {
            tokio::task::yield_now().await;
        }
        let version = version_id();
        let next = next_document(&instance.document, &version);
        let labels = json!(["AWSPENDING", format!("LIVE-{version}")]);
        stand
            .store_as(&instance.secret, next, version.as_str(), labels)
            .await
    };
    let ((_, result), pending) = tokio::join!(typed(&stand, &options), began);
    let error = result.unwrap_err();
    assert_eq!(error.status(), 1, "{error}");
    assert!(is_change(&stand.current(&instance)));
    let take_off = format!("--version-stage AWSPENDING --remove-from-version-id {pending}");
    let error = error.to_string();
    assert!(error.contains(&take_off), "{error}");
    assert!(!error.contains("Nothing was changed"), "{error}");
    // As it says.
    be(&stand, &instance, manners()[0]).await;
    let moved = stand.move_label(&instance, "AWSPENDING", Some(&pending), None);
    moved.await;
    finished(&stand, &instance, &options).await;
    assert!(stand.service.is_live(&instance.imported));
}

/// A rollback is to another credential: the document that broke the apps would stay.
#[tokio::test]
async fn a_rollback_after_it_asks_which_of_the_two_is_wanted() {
    let (stand, instance, _) = Stand::rotated(Api::V1).await;
    change(&stand, &instance, &renamed(&instance)).await;
    let current = stand.current(&instance);
    let roll_back = async |to| {
        let options = rollback::Options {
            addon: id(&instance),
            to,
            yes: true,
        };
        rollback::run(&stack(&stand), &Words::default().output(), &options).await
    };
    let snapshot = stand.snapshot(&instance);
    let stored = snapshot.labelled("CHANGED").unwrap();
    let error = roll_back(None).await.unwrap_err();
    assert_eq!(error.status(), 2, "{error}");
    let error = error.to_string();
    for part in ["`change`", &format!("--to {stored}")] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(stand.current(&instance), current);
    let outcome = roll_back(Some(stored.parse().unwrap())).await.unwrap();
    assert_eq!(outcome, Outcome::Fine);
    assert_eq!(stand.current(&instance).as_str(), stored);
}

#[tokio::test]
async fn a_check_reads_and_changes_nothing() {
    let (stand, instance, _) = Stand::rotated(Api::V1).await;
    let before = format!("{:?}", stand.snapshot(&instance));
    let invoked = stand.lambda.records().len();
    let file = file(&renamed(&instance));
    let check = Options {
        check: true,
        yes: false,
        ..options(&instance, &file)
    };
    let (words, result) = typed(&stand, &check).await;
    assert_eq!(result.unwrap(), Outcome::Fine);
    assert_eq!(words.done(), ["check"]);
    assert!(said(&words, "leave").is_some());
    let reads = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
    ];
    let operations = operations(&stand);
    assert!(
        operations.iter().all(|it| reads.contains(&it.as_str())),
        "{operations:?}"
    );
    assert_eq!(format!("{:?}", stand.snapshot(&instance)), before);
    assert_eq!(stand.lambda.records().len(), invoked);

    // Nor does the command without anybody's word.
    let unasked = Options {
        check: false,
        ..check
    };
    let (_, result) = typed(&stand, &unasked).await;
    assert!(matches!(result, Err(OperatorError::NobodyToAsk)));
    assert_eq!(format!("{:?}", stand.snapshot(&instance)), before);
}

#[tokio::test]
async fn the_same_document_again_changes_nothing() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    for document in [bare(&instance), instance.document.clone()] {
        let (words, result) = typed(&stand, &options(&instance, &file(&document))).await;
        assert_eq!(result.unwrap(), Outcome::Fine);
        assert_eq!(words.done(), ["check"]);
    }
    assert_eq!(stand.lambda.records_of("publish-to-heroku").len(), 0);
}

/// Cut off at each of its requests to Secrets Manager: before the request takes effect or after, as it happens.
#[tokio::test]
async fn wherever_it_is_cut_off_repeating_it_finishes() {
    let runs: JoinSet<_> = (0..REQUESTS.len()).map(cut_off).collect();
    runs.join_all().await;
}

/// What the command asks Secrets Manager for, until it waits.
const REQUESTS: [&str; 9] = [
    "DescribeSecret",
    "GetSecretValue",
    "PutSecretValue",
    "DescribeSecret",
    "UpdateSecretVersionStage",
    "DescribeSecret",
    "UpdateSecretVersionStage",
    "RotateSecret",
    "DescribeSecret",
];

/// Cuts the command off at this request, and repeats it.
async fn cut_off(request: usize) {
    let (stand, instance, _) = Stand::rotated(Api::V1).await;
    let (old, before) = (stand.current(&instance), releases(&stand, &instance));
    let file = file(&renamed(&instance));
    let options = options(&instance, &file);
    let cut = async {
        while operations(&stand).len() <= request {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = cut => {}
        _ = typed(&stand, &options) => panic!("it is done before request {request}"),
    }
    let asked = operations(&stand).pop().unwrap();
    assert!(asked.ends_with(REQUESTS[request]), "{request}: {asked}");
    finished(&stand, &instance, &options).await;
    assert_eq!(releases(&stand, &instance), before + 1, "at {request}");
    assert!(stand.service.is_live(&credential(&instance, &old)));
}

/// The two states that it leaves behind: stored beside the current one, and current.
#[tokio::test]
async fn what_an_earlier_call_has_stored_is_taken_up() {
    for is_current in [false, true] {
        let (stand, instance, _) = Stand::rotated(Api::V1).await;
        let (old, before) = (stand.current(&instance), releases(&stand, &instance));
        let mut document = renamed(&instance);
        let current = stand.value(&instance.secret, None).await;
        for name in ["api_key", "credential_id"] {
            document[name] = current[name].clone();
        }
        let (secrets, value) = (stand.secrets(), SecretString::from(document.to_string()));
        let stored = id_of_change().unwrap();
        let put = secrets.put_changed(&instance.secret, &stored, &value, soon());
        put.await.unwrap();
        assert_eq!(stand.current(&instance), old);
        if is_current {
            let promoted = secrets.promote(&instance.secret, &stored, &old, soon());
            promoted.await.unwrap();
            let file = file(&renamed(&instance));
            let check = Options {
                check: true,
                ..options(&instance, &file)
            };
            assert_eq!(typed(&stand, &check).await.1.unwrap(), Outcome::Attention);
        }
        let file = file(&renamed(&instance));
        finished(&stand, &instance, &options(&instance, &file)).await;
        assert_eq!(releases(&stand, &instance), before + 1);
    }
}

/// Typed until it succeeds, as a person would.
async fn finished(stand: &Stand, instance: &Instance, options: &Options) {
    let mut errors = Vec::new();
    for _ in 0..5 {
        match typed(stand, options).await.1 {
            Ok(outcome) => {
                assert_eq!(outcome, Outcome::Fine);
                let document = stand.value(&instance.secret, None).await;
                assert!(document["heroku"]["config"]["ACME_KEY"].is_string());
                assert!(!is_change(&stand.current(instance)));
                let config = stand.heroku.config(&instance.addon).unwrap();
                let key = document["api_key"].as_str().unwrap();
                assert!(config["ACME_KEY"].contains(key));
                return;
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    panic!("{errors:?}");
}
