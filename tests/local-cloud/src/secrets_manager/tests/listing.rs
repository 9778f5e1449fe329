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

async fn create(cloud: &Cloud, name: &str, description: &str, tag: (&str, &str)) {
    let request = json!({
        "Name": name, "Description": description, "SecretString": "x",
        "ClientRequestToken": id(1), "Tags": [{"Key": tag.0, "Value": tag.1}],
    });
    cloud.call("CreateSecret", request).await;
}

#[tokio::test]
async fn secrets_are_filtered() {
    let cloud = Cloud::start().await;
    create(&cloud, "acme/addons/a", "Of App One", ("engine", "http")).await;
    create(
        &cloud,
        "acme/addons/b",
        "of app two",
        ("engine", "postgres"),
    )
    .await;
    create(&cloud, "acme/masters/db", "Administrator", ("Team", "data")).await;
    for (key, values, expected) in [
        (
            "name",
            json!(["acme/addons/"]),
            vec!["acme/addons/a", "acme/addons/b"],
        ),
        ("name", json!(["ACME"]), vec![]),
        (
            "name",
            json!(["acme/masters", "acme/addons/a"]),
            vec!["acme/addons/a", "acme/masters/db"],
        ),
        ("name", json!(["!acme/addons"]), vec!["acme/masters/db"]),
        (
            "description",
            json!(["OF APP"]),
            vec!["acme/addons/a", "acme/addons/b"],
        ),
        (
            "tag-key",
            json!(["eng"]),
            vec!["acme/addons/a", "acme/addons/b"],
        ),
        ("tag-key", json!(["team"]), vec![]),
        ("tag-value", json!(["post"]), vec!["acme/addons/b"]),
        (
            "all",
            json!(["DATA two"]),
            vec!["acme/addons/b", "acme/masters/db"],
        ),
        ("owning-service", json!(["rds"]), vec![]),
    ] {
        let request = json!({"SortOrder": "asc", "Filters": [{"Key": key, "Values": values}]});
        assert_eq!(names(&cloud, request).await, expected, "{key} {values}");
    }
    let both = json!({"Filters": [
        {"Key": "name", "Values": ["acme/addons"]},
        {"Key": "tag-value", "Values": ["http"]},
    ]});
    assert_eq!(names(&cloud, both).await, ["acme/addons/a"]);
    let unknown = json!({"Filters": [{"Key": "colour", "Values": ["red"]}]});
    assert_eq!(
        code(&cloud.refused("ListSecrets", unknown).await),
        "ValidationException"
    );
}

#[tokio::test]
async fn secrets_come_in_pages_newest_first() {
    let cloud = Cloud::start().await;
    for number in 0..5 {
        create(&cloud, &format!("s{number}"), "", ("a", "b")).await;
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
async fn versions_without_labels_are_listed_on_request() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    cloud.put(3, &["AWSCURRENT"]).await;
    let ids = async |deprecated: bool| {
        let request = json!({"SecretId": "s", "IncludeDeprecated": deprecated});
        let answer = cloud.call("ListSecretVersionIds", request).await;
        answer["Versions"].as_array().unwrap().clone()
    };
    let labelled = ids(false).await;
    assert_eq!(labelled.len(), 2);
    assert_eq!(labelled[0]["VersionStages"], json!(["AWSPREVIOUS"]));
    let all = ids(true).await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[0]["VersionId"], id(1));
    assert!(all[0].get("VersionStages").is_none());
    // A deprecated version still has its value, for whoever knows its id.
    let got = cloud
        .call(
            "GetSecretValue",
            json!({"SecretId": "s", "VersionId": id(1)}),
        )
        .await;
    assert_eq!(got["SecretString"], "one");
    let page = json!({"SecretId": "s", "MaxResults": 1});
    let first = cloud.call("ListSecretVersionIds", page.clone()).await;
    let mut page = page;
    page["NextToken"] = first["NextToken"].clone();
    let second = cloud.call("ListSecretVersionIds", page).await;
    assert_eq!(second["Versions"][0]["VersionId"], id(3));
    assert!(second.get("NextToken").is_none());
}
