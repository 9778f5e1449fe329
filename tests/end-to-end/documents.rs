//! Documents with each kind of error: the operator is told the field and the remedy, no value is
//! shown, and neither `AWSCURRENT` nor Heroku is touched.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use serde_json::{Value, json};

use crate::support::{check, current, document, failed, names, spec, store};
use crate::{Suite, TestResult};

/// A mistake: its name, engine, what is changed in the document, and what the error must name.
type Mistake = (
    &'static str,
    Engine,
    fn(&mut Value),
    &'static [&'static str],
);

const MISTAKES: [Mistake; 6] = [
    (
        "missing-field",
        Engine::Postgres,
        |document| {
            if let Some(fields) = document.as_object_mut() {
                fields.remove("password");
            }
        },
        &["password is missing", "Correct it, and store it again"],
    ),
    (
        "unknown-variable",
        Engine::Http,
        |document| document["heroku"]["config"]["ACME_URL"] = "{{ apikey }}".into(),
        &[
            "heroku.config.ACME_URL uses an unknown field: apikey",
            "the document has",
            "api_key",
        ],
    ),
    (
        "plain-http",
        Engine::Http,
        |document| document["url"] = "http://api.acme.example/v1".into(),
        &["url must be an https:// URL"],
    ),
    (
        "wrong-engine",
        Engine::Http,
        |document| document["engine"] = "oracle".into(),
        &["engine must be one of "],
    ),
    (
        "no-addon",
        Engine::Http,
        |document| document["heroku"] = json!({ "api": "v3" }),
        &["heroku.addon_id is missing", "heroku.config is missing"],
    ),
    (
        "no-object",
        Engine::Http,
        |document| *document = json!([1, 2]),
        &["it is not a JSON object"],
    ),
];

pub(crate) fn tests(suite: &mut Suite) {
    for (name, engine, spoil, words) in MISTAKES {
        suite.test(&format!("documents::{name}"), move |cloud| {
            refused(cloud, name, Api::V3, engine, spoil, words)
        });
    }
    for (name, api) in [("undeclared-v1", Api::V1), ("undeclared-v3", Api::V3)] {
        let spoil: fn(&mut Value) =
            |document| document["heroku"]["config"]["UNDECLARED"] = "{{ api_key }}".into();
        let words = &["at Heroku failed: it refused", "UNDECLARED", "manifest"];
        suite.test(&format!("documents::{name}"), move |cloud| {
            refused(cloud, name, api, Engine::Http, spoil, words)
        });
    }
    suite.test(
        "documents::a_grace_period_that_is_no_duration",
        bad_grace_period,
    );
}

async fn refused(
    cloud: Arc<Cloud>,
    name: &'static str,
    api: Api,
    engine: Engine,
    spoil: fn(&mut Value),
    words: &'static [&'static str],
) -> TestResult {
    let instance = cloud.enrol(spec(name, api, engine)).await?;
    let mut spoiled = document(&cloud, &instance).await?;
    let secrets: Vec<String> = ["api_key", "password"]
        .iter()
        .filter_map(|field| spoiled[field].as_str().map(ToOwned::to_owned))
        .collect();
    spoil(&mut spoiled);
    store(&cloud, &instance, &spoiled).await?;
    let before = (
        current(&cloud, &instance)?,
        cloud.heroku.config(&instance.addon)?,
    );

    cloud.rotate_now(&instance).await?;
    let message = failed(&cloud, &instance).await?;
    names(&message, words)?;
    names(&message, &["A retry does not help"])?;
    check(
        !secrets.iter().any(|secret| message.contains(secret)),
        || "the error shows a value".to_owned(),
    )?;
    let after = (
        current(&cloud, &instance)?,
        cloud.heroku.config(&instance.addon)?,
    );
    check(before == after, || {
        "AWSCURRENT or Heroku's config changed".to_owned()
    })?;
    let writes = cloud.heroku.config_writes(&instance.addon)?;
    check(writes == 0, || {
        format!("the config was written {writes} times")
    })
}

async fn bad_grace_period(cloud: Arc<Cloud>) -> TestResult {
    let mut spec = spec("hasty", Api::V1, Engine::Http);
    spec.tags = vec![("rotation:revoke-after".to_owned(), "2 hours".to_owned())];
    let instance = cloud.enrol(spec).await?;
    cloud.rotate_now(&instance).await?;
    let message = failed(&cloud, &instance).await?;
    names(
        &message,
        &[
            "rotation:revoke-after",
            "a whole number of seconds",
            &instance.secret_arn,
        ],
    )?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 1, || {
        format!("a credential was issued: {live:?}")
    })
}
