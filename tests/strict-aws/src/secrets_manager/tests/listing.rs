//! `ListSecrets` and `ListSecretVersionIds`.

use serde_json::{Value, json};

use super::harness::{Cloud, code, id};

async fn names(cloud: &Cloud, request: Value) -> Vec<String> {
    let answer = cloud.call("ListSecrets", request).await;
    let list = answer["SecretList"].as_array().unwrap();
    list.iter()
        .map(|secret| secret["Name"].as_str().unwrap().to_owned())
        .collect()
}

async fn create(cloud: &Cloud, name: &str, tag: (&str, &str)) {
    let request = json!({
        "Name": name, "SecretString": "x",
        "ClientRequestToken": id(1), "Tags": [{"Key": tag.0, "Value": tag.1}],
    });
    cloud.call("CreateSecret", request).await;
}

/// Recorded (`LocalStack`, `test_list_secrets_filtering`): a filter's values are what something begins with, in the same
/// case; any of them will do, of every filter. How tags match is open: beginnings here.
#[tokio::test]
async fn secrets_are_filtered() {
    let cloud = Cloud::start().await;
    let (a, b, db) = ("acme/addons/a", "acme/addons/b", "acme/masters/db");
    create(&cloud, a, ("engine", "http")).await;
    create(&cloud, b, ("engine", "postgres")).await;
    create(&cloud, db, ("Team", "data")).await;
    for (key, values, expected) in [
        ("name", json!(["acme/addons/"]), vec![a, b]),
        ("name", json!(["ACME"]), vec![]),
        ("name", json!(["acme/masters", a]), vec![a, db]),
        ("tag-key", json!(["eng"]), vec![a, b]),
        ("tag-key", json!(["team"]), vec![]),
        ("tag-value", json!(["post"]), vec![b]),
    ] {
        let request = json!({"SortOrder": "asc", "Filters": [{"Key": key, "Values": values}]});
        assert_eq!(names(&cloud, request).await, expected, "{key} {values}");
    }
    let both = json!({"Filters": [
        {"Key": "name", "Values": ["acme/addons"]},
        {"Key": "tag-value", "Values": ["http"]},
    ]});
    assert_eq!(names(&cloud, both).await, [a]);
    let unknown = json!({"Filters": [{"Key": "all", "Values": ["red"]}]});
    let refusal = cloud.refused("ListSecrets", unknown).await;
    assert_eq!(code(&refusal), "ValidationException");
}

#[tokio::test]
async fn secrets_come_in_pages_newest_first() {
    let cloud = Cloud::start().await;
    for number in 0..5 {
        create(&cloud, &format!("s{number}"), ("a", "b")).await;
    }
    let mut found = Vec::new();
    let mut request = json!({"MaxResults": 2});
    loop {
        let answer = cloud.call("ListSecrets", request.clone()).await;
        let page = answer["SecretList"].as_array().unwrap();
        assert!((1..=2).contains(&page.len()));
        found.extend(
            page.iter()
                .map(|secret| secret["Name"].as_str().unwrap().to_owned()),
        );
        assert_eq!(
            page[0]["SecretVersionsToStages"],
            json!({id(1): ["AWSCURRENT"]})
        );
        assert!(page[0].get("SecretString").is_none());
        match answer.get("NextToken") {
            Some(token) => request["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(found, ["s4", "s3", "s2", "s1", "s0"]);
    for (request, expected) in [
        (json!({"NextToken": "made up"}), "InvalidNextTokenException"),
        (json!({"MaxResults": 0}), "ValidationException"),
        (json!({"MaxResults": 101}), "ValidationException"),
        (json!({"SortOrder": "up"}), "ValidationException"),
    ] {
        assert_eq!(code(&cloud.refused("ListSecrets", request).await), expected);
    }
}

#[tokio::test]
async fn a_version_without_labels_has_its_value_for_whoever_knows_its_id() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    cloud.put(3, &["AWSCURRENT"]).await;
    assert!(cloud.labels().await.get(id(1)).is_none());
    let first = json!({"SecretId": "s", "VersionId": id(1)});
    let got = cloud.call("GetSecretValue", first).await;
    assert_eq!(got["SecretString"], "one");
}

/// Those without labels only if they are asked for, and of none its value.
#[tokio::test]
async fn versions_come_in_pages_with_their_labels() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    cloud.put(3, &["AWSCURRENT", "LIVE-3"]).await;
    let ids = |answer: &Value| -> Vec<String> {
        let versions = answer["Versions"].as_array().unwrap();
        let ids = versions.iter().map(|it| it["VersionId"].as_str().unwrap());
        ids.map(ToOwned::to_owned).collect()
    };
    let mut request = json!({"SecretId": "s"});
    let answer = cloud.call("ListSecretVersionIds", request.clone()).await;
    assert_eq!(ids(&answer), [id(2), id(3)]);
    let newest = &answer["Versions"][1];
    assert_eq!(newest["VersionStages"], json!(["AWSCURRENT", "LIVE-3"]));
    assert!(newest["CreatedDate"].is_f64() && answer["Name"] == "s");
    assert!(!answer.to_string().contains("SecretString"), "{answer}");

    request["IncludeDeprecated"] = json!(true);
    request["MaxResults"] = json!(2);
    let first = cloud.call("ListSecretVersionIds", request.clone()).await;
    assert_eq!(ids(&first), [id(1), id(2)]);
    assert!(first["Versions"][0].get("VersionStages").is_none());
    request["NextToken"] = first["NextToken"].clone();
    let last = cloud.call("ListSecretVersionIds", request).await;
    assert_eq!(ids(&last), [id(3)]);
    assert!(last.get("NextToken").is_none());
    let refusal = cloud.refused("ListSecretVersionIds", json!({"SecretId": "t"}));
    assert_eq!(code(&refusal.await), "ResourceNotFoundException");
}
