//! What the operator's tool says: help texts, prompts, errors. The library's own errors are beside its code.

use std::fmt::Write as _;
use std::time::Duration;

use addon_rotation::start::ConfigurationError;
use addon_rotation_operator::{
    Arguments, OperatorError, change, deprovision, emergency, recover, rollback,
};
use clap::CommandFactory as _;

use crate::operator::{Words, id, stack};
use crate::support::{Api, Stand, assert_snapshot};

#[test]
fn help() {
    let mut command = Arguments::command().mut_args(|it| it.hide_env_values(true));
    let mut text = command.render_long_help().to_string();
    let names: Vec<_> = command
        .get_subcommands()
        .map(|it| it.get_name().to_owned())
        .collect();
    for name in names {
        let command = command.find_subcommand_mut(&name).unwrap();
        let help = command.render_long_help();
        write!(text, "\n\n=== {name} ===\n{help}").unwrap();
    }
    assert_snapshot("operator-help", &text);
}

#[test]
fn errors() {
    let cause = || {
        Box::new(OperatorError::Unfinished(
            "It failed. → See why: aws logs tail".to_owned(),
        ))
    };
    let name = || "addon/credentials/acme-1".to_owned();
    let stack = || "addon-rotation".to_owned();
    let problems = || {
        vec![
            "line 3 is not JSON".to_owned(),
            "line 5 is not valid: url is missing".to_owned(),
        ]
    };
    let mut text = String::new();
    for error in [
        OperatorError::NoStack,
        OperatorError::Environment(ConfigurationError {
            problems: vec![
                "AWS_REGION is missing (it must be set, by Lambda or by you)".to_owned(),
            ],
        }),
        OperatorError::Unknown {
            name: name(),
            stack: stack(),
        },
        OperatorError::NotManaged {
            name: name(),
            stack: stack(),
        },
        OperatorError::Refused("acme-1 is marked for deletion. → Restore its secret".to_owned()),
        OperatorError::Overtaken("version 1 became current in the meantime. → Repeat".to_owned()),
        OperatorError::File {
            name: "fleet.jsonl".to_owned(),
            problem: "permission denied".to_owned(),
        },
        OperatorError::Lines {
            name: "fleet.jsonl".to_owned(),
            problems: problems(),
        },
        OperatorError::Declined,
        OperatorError::NobodyToAsk,
        OperatorError::Step {
            step: "publish",
            source: cause(),
            state: "Both credentials work, and Heroku shows either of them".to_owned(),
            again: "addon-rotation-operator --stack addon-rotation rollback acme-1".to_owned(),
        },
        OperatorError::Terminal(std::io::ErrorKind::Unsupported.into()),
    ] {
        // The cause's own text has its own.
        let variant = format!("{error:?}");
        let variant = variant
            .split(|it: char| !it.is_alphanumeric())
            .next()
            .unwrap();
        writeln!(
            text,
            "{variant}\n    {}\n",
            error.to_string().replace('\n', "\n    ")
        )
        .unwrap();
    }
    assert_snapshot("operator-errors", &text);
}

/// What each command says will happen, before it asks.
#[tokio::test]
async fn prompts() {
    let (stand, instance, old) = Stand::rotated(Api::V1).await;
    let new = stand.current(&instance);
    let mut text = String::new();
    let mut add = |command: &str, words: &Words, error: OperatorError| {
        assert!(matches!(error, OperatorError::NobodyToAsk), "{error}");
        let said = words
            .text()
            .replace(&instance.addon, "<add-on>")
            .replace(old.as_str(), "<old version>")
            .replace(new.as_str(), "<new version>");
        writeln!(text, "{command}\n{said}").unwrap();
    };
    let (stack, addon) = (stack(&stand), id(&instance));
    let words = Words::default();
    let options = rollback::Options {
        addon: addon.clone(),
        to: None,
        yes: false,
    };
    let refused = rollback::run(&stack, &words.for_people(), &options).await;
    add("rollback", &words, refused.unwrap_err());
    for (after, rotated) in [
        (Some(Duration::from_mins(15)), false),
        (None, false),
        (None, true),
    ] {
        let words = Words::default();
        let options = emergency::Options {
            addon: addon.clone(),
            revoke_after: after,
            accept_downtime: after.is_none(),
            rotated,
            wait: false,
            patience: Duration::from_secs(1),
            yes: false,
        };
        let refused = emergency::run(&stack, &words.for_people(), &options).await;
        let command = format!("emergency, {after:?}, rotated already: {rotated}");
        add(&command, &words, refused.unwrap_err());
    }
    let words = Words::default();
    let options = recover::Options {
        addon: addon.clone(),
        login: "acme_0042".to_owned(),
        patience: Duration::from_secs(1),
        yes: false,
    };
    let refused = recover::run(&stack, &words.for_people(), &options).await;
    add("recover", &words, refused.unwrap_err());
    let mut document = instance.document.clone();
    let config = document["heroku"]["config"].as_object_mut().unwrap();
    let template = config.remove("ACME_URL").unwrap();
    config.insert("ACME_KEY".to_owned(), template);
    for name in ["credential_id", "api_key"] {
        document.as_object_mut().unwrap().remove(name);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), document.to_string()).unwrap();
    let words = Words::default();
    let options = change::Options {
        addon: addon.clone(),
        document: file.path().to_owned(),
        check: false,
        wait: false,
        patience: Duration::from_secs(1),
        yes: false,
    };
    let refused = change::run(&stack, &words.for_people(), &options).await;
    add("change", &words, refused.unwrap_err());
    let words = Words::default();
    let options = deprovision::Options {
        addons: vec![addon],
        yes: false,
    };
    let refused = deprovision::run(&stack, &words.for_people(), &options).await;
    add("deprovision", &words, refused.unwrap_err());
    assert_snapshot("operator-prompts", &text);
}
