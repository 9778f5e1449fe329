//! `ListSecrets` and `ListSecretVersionIds`.

use serde_json::{Value, json};

use super::harness::{Cloud, id};

/// What a list's entries have here.
fn fields(answer: &Value, list: &str, field: &str) -> Vec<String> {
    let entries = answer[list].as_array().unwrap().iter();
    entries
        .map(|it| it[field].as_str().unwrap().to_owned())
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
    let cloud = Cloud::empty();
    let (a, b, db) = ("acme/addons/a", "acme/addons/b", "acme/masters/db");
    create(&cloud, a, ("engine", "http")).await;
    create(&cloud, b, ("engine", "postgres")).await;
    create(&cloud, db, ("Team", "data")).await;
    let filter = |key: &str, values: &[&str]| json!({ "Key": key, "Values": values });
    for (filters, expected) in [
        (vec![filter("name", &["acme/addons/"])], vec![a, b]),
        (vec![filter("name", &["ACME"])], vec![]),
        (vec![filter("name", &["acme/masters", a])], vec![a, db]),
        (vec![filter("tag-key", &["eng"])], vec![a, b]),
        (vec![filter("tag-key", &["team"])], vec![]),
        (vec![filter("tag-value", &["post"])], vec![b]),
        (
            vec![
                filter("name", &["acme/addons"]),
                filter("tag-value", &["http"]),
            ],
            vec![a],
        ),
    ] {
        let request = json!({"SortOrder": "asc", "Filters": filters});
        let answer = cloud.call("ListSecrets", request).await;
        assert_eq!(
            fields(&answer, "SecretList", "Name"),
            expected,
            "{filters:?}"
        );
    }
}

#[tokio::test]
async fn secrets_come_in_pages_newest_first() {
    let cloud = Cloud::empty();
    for number in 0..5 {
        create(&cloud, &format!("s{number}"), ("a", "b")).await;
    }
    let mut found = Vec::new();
    let mut request = json!({"MaxResults": 2});
    loop {
        let answer = cloud.call("ListSecrets", request.clone()).await;
        let page = fields(&answer, "SecretList", "Name");
        assert!((1..=2).contains(&page.len()));
        found.extend(page);
        let first = &answer["SecretList"][0];
        let labels = json!({id(1): ["AWSCURRENT"]});
        assert_eq!(first["SecretVersionsToStages"], labels);
        assert!(first.get("SecretString").is_none());
        match answer.get("NextToken") {
            Some(token) => request["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(found, ["s4", "s3", "s2", "s1", "s0"]);
    let filter = json!([{"Key": "all", "Values": ["red"]}]);
    for (request, expected) in [
        (json!({"NextToken": "made up"}), "InvalidNextTokenException"),
        (json!({"MaxResults": 0}), "ValidationException"),
        (json!({"MaxResults": 101}), "ValidationException"),
        (json!({"SortOrder": "up"}), "ValidationException"),
        (json!({"Filters": filter}), "ValidationException"),
    ] {
        assert_eq!(cloud.code("ListSecrets", request).await, expected);
    }
}

/// Those without labels only if they are asked for, and of none its value.
#[tokio::test]
async fn versions_come_in_pages_with_their_labels() {
    let cloud = Cloud::new().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    cloud.put(3, &["AWSCURRENT", "LIVE-3"]).await;
    let ids = |answer: &Value| fields(answer, "Versions", "VersionId");
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
    let code = cloud
        .code("ListSecretVersionIds", json!({"SecretId": "t"}))
        .await;
    assert_eq!(code, "ResourceNotFoundException");
}
