use std::os::unix::fs::PermissionsExt as _;

use axum::body::{Body, Bytes};
use http::{Method, Request};
use strict_aws::gateway::{Gateway, GatewayOptions};
use strict_aws::ministack::{Client, InvocationType};
use tower::ServiceExt as _;

use super::*;

const STACK: &str = "stack";

/// A function that is a shell script: it asks for events and answers as its body says.
fn script(directory: &Path, name: &str, body: &str) {
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn function(name: &str, timeout: Duration) -> Function {
    Function {
        name: name.to_owned(),
        binary: name.to_owned(),
        timeout,
        memory: 256,
        environment: BTreeMap::from([("OWN".to_owned(), "variable".to_owned())]),
    }
}

fn lambda(directory: &Path, functions: Vec<Function>) -> Lambda {
    let lambda = Lambda::new(directory, directory);
    lambda.deploy(functions);
    lambda
}

/// Recorded: payloads in `LocalStack`'s validated snapshots (`tests/aws/services/lambda_`), and of a time-out in
/// seek-oss/skuba's changelog. A time-out had no type in 2024.
#[tokio::test]
async fn a_process_that_ends_is_an_exit_error_and_one_that_is_too_slow_a_time_out() {
    let directory = tempfile::tempdir().unwrap();
    script(directory.path(), "ends", "exit 3");
    script(directory.path(), "sleeps", "exec sleep 1000");
    let lambda = lambda(
        directory.path(),
        vec![
            function("ends", Duration::from_mins(2)),
            function("sleeps", Duration::from_millis(1)),
        ],
    );
    for (name, kind) in [
        ("ends", "Runtime.ExitError"),
        ("sleeps", "Sandbox.Timedout"),
    ] {
        let invocation = lambda.invoke(name, &json!({})).await.unwrap();
        assert_eq!(invocation.function_error.as_deref(), Some("Unhandled"));
        assert_eq!(invocation.payload["errorType"], kind);
    }
}

#[tokio::test]
async fn a_function_has_what_lambda_gives_it_and_nothing_of_this_process() {
    let directory = tempfile::tempdir().unwrap();
    script(directory.path(), "tells", "/usr/bin/env; exit 0");
    let lambda = lambda(
        directory.path(),
        vec![function("tells", Duration::from_mins(2))],
    );
    lambda.invoke("tells", &json!({})).await.unwrap();
    let log = std::fs::read_to_string(directory.path().join("tells-1.log")).unwrap();
    for line in [
        "AWS_LAMBDA_FUNCTION_NAME=tells",
        "AWS_ACCESS_KEY_ID=tells",
        "OWN=variable",
        "AWS_LAMBDA_RUNTIME_API=127.0.0.1:",
    ] {
        assert!(log.contains(line), "{line} is not in:\n{log}");
    }
    assert!(!log.contains("CARGO"), "{log}");
}

#[tokio::test]
async fn what_is_not_deployed_is_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let lambda = lambda(directory.path(), Vec::new());
    let request = |method: Method, path: &str| {
        let path = format!("/2015-03-31/functions/{path}");
        let request = Request::builder().method(method).uri(path);
        request.body(Body::from("{}")).unwrap()
    };
    for request in [
        request(Method::POST, "arn%3Aaws%3Alambda%3Anone/invocations"),
        request(Method::GET, "none/configuration"),
    ] {
        let answer = lambda.router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(
            answer.headers()["x-amzn-errortype"],
            "ResourceNotFoundException"
        );
    }
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-abc123";
    assert_eq!(lambda.lets_in(&arn("none"), secret).await, Ok(false));
}

#[tokio::test]
async fn the_gateway_has_lambda_answer_what_is_about_functions() {
    let directory = tempfile::tempdir().unwrap();
    script(directory.path(), "ends", "exit 3");
    let ends = function("ends", Duration::from_mins(2));
    let gateway = Gateway::start(GatewayOptions {
        others: lambda(directory.path(), vec![ends]).router(),
        ..GatewayOptions::default()
    });
    let gateway = gateway.await.unwrap();
    let client = Client::new(gateway.endpoint().clone()).unwrap();
    let kind = InvocationType::RequestResponse;
    let invocation = client.invoke(&arn("ends"), &json!({}), kind).await.unwrap();
    assert_eq!(invocation.payload["errorType"], "Runtime.ExitError");
    let bucket = Request::get("/bucket").body(Bytes::new()).unwrap();
    let answer = client.signed("s3", bucket).await.unwrap();
    assert_eq!(answer.status(), 501);
}

#[test]
fn the_template_s_functions_have_its_variables() {
    let parameters = BTreeMap::from([
        ("PartnerSecretArn", "arn:partner".to_owned()),
        ("GracePeriodSeconds", "20".to_owned()),
    ]);
    let functions = functions(STACK, &parameters).unwrap();
    let of = |binary: &str| functions.iter().find(|it| it.binary == binary).unwrap();
    let (rotate, revoke) = (of("rotate"), of("revoke-secret"));
    assert_eq!(rotate.name, "stack-rotate");
    assert_eq!(rotate.timeout, Duration::from_mins(3));
    assert_eq!(
        rotate.environment["CREATE_SECRET_FUNCTION"],
        arn("stack-create-secret")
    );
    assert_eq!(revoke.timeout, Duration::from_mins(1));
    let variable = |name: &str| revoke.environment.get(name).map(String::as_str);
    assert_eq!(variable("GRACE_PERIOD_SECONDS"), Some("20"));
    assert_eq!(variable("PARTNER_SECRET_ARN"), Some("arn:partner"));
    assert_eq!(variable("HEROKU_API_URL"), Some("https://api.heroku.com"));
    assert_eq!(
        variable("REVOKE_SECRET_FUNCTION_ARN"),
        Some(arn("stack-revoke-secret").as_str())
    );
    // AWS::NoValue, as there is no layer.
    assert_eq!(variable("CA_BUNDLE_FILE"), None);
    let error = super::functions(STACK, &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("PartnerSecretArn"), "{error}");
}
