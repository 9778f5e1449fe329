//! The functions' environment variables.

use std::collections::BTreeMap;
use std::path::Path;

use crate::bench::front::Addresses;
use crate::bench::lambda::arn;

/// The stack's name.
pub(super) const STACK: &str = "addon-rotation";
/// What the rotating secrets' names begin with.
pub(super) const CREDENTIALS: &str = "addon/credentials/";
/// What the OAuth secrets' names begin with.
pub(super) const OAUTH: &str = "addon/oauth/";
/// What the administrators' secrets' names begin with.
pub(super) const ADMINISTRATORS: &str = "addon/masters/";

/// What the template gives each function.
pub(super) fn environment(
    addresses: &Addresses,
    partner: &str,
    bundle: Option<&Path>,
) -> BTreeMap<&'static str, Vec<(String, String)>> {
    let functions = [
        ("CREATE_SECRET_FUNCTION", arn("create-secret")),
        ("PUBLISH_TO_HEROKU_FUNCTION", arn("publish-to-heroku")),
        ("TEST_SECRET_FUNCTION", arn("test-secret")),
        ("FINISH_SECRET_FUNCTION", arn("finish-secret")),
    ];
    let bundle = bundle.map(|path| path.display().to_string());
    let service = [
        ("ALLOW_PRIVATE_ADDRESSES", "false".to_owned()),
        ("ALLOW_PLAIN_TEXT_ON_LOOPBACK", "true".to_owned()),
        ("CA_BUNDLE_FILE", bundle.clone().unwrap_or_default()),
    ];
    let heroku = [
        ("HEROKU_API_URL", addresses.heroku_api.to_string()),
        ("HEROKU_OAUTH_URL", addresses.heroku_oauth.to_string()),
        ("PARTNER_SECRET_ARN", partner.to_owned()),
    ];
    let queue = "arn:aws:sqs:us-east-1:000000000000:dead-letters";
    let schedule = [
        ("GRACE_PERIOD_SECONDS", "7200".to_owned()),
        ("SCHEDULE_GROUP", STACK.to_owned()),
        (
            "SCHEDULER_ROLE_ARN",
            "arn:aws:iam::000000000000:role/scheduler".to_owned(),
        ),
        ("REVOKE_SECRET_FUNCTION_ARN", arn("revoke-secret")),
        ("DEAD_LETTER_QUEUE_ARN", queue.to_owned()),
    ];
    let mut common = vec![("AWS_ENDPOINT_URL", addresses.aws.to_string())];
    common.extend(bundle.map(|bundle| ("AWS_CA_BUNDLE", bundle)));
    let of = |own: &[&[(&'static str, String)]]| {
        let variables = own.iter().copied().flatten().chain(&common);
        variables
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect::<Vec<_>>()
    };
    let stack = [
        ("STACK_NAME", STACK.to_owned()),
        ("SECRET_NAME_PREFIX", CREDENTIALS.to_owned()),
    ];
    let names = [
        ("SECRET_NAME_PREFIX", CREDENTIALS.to_owned()),
        (
            "ADMINISTRATOR_SECRET_NAME_PREFIX",
            ADMINISTRATORS.to_owned(),
        ),
        ("OAUTH_SECRET_NAME_PREFIX", OAUTH.to_owned()),
    ];
    let enrolment = [
        ("ROTATE_FUNCTION_ARN", arn("rotate")),
        ("ROTATION_DAYS", "90".to_owned()),
    ];
    let button = [("MINIMUM_ROTATION_INTERVAL_SECONDS", "3600".to_owned())];
    let deprovisioning = [
        ("RECOVERY_WINDOW_DAYS", "30".to_owned()),
        ("LONGEST_STEP_SECONDS", "240".to_owned()),
        ("DEPROVISION_ADDON_FUNCTION_ARN", arn("deprovision-addon")),
    ];
    BTreeMap::from([
        ("rotate", of(&[&functions, &names])),
        ("create-secret", of(&[&service, &names])),
        ("publish-to-heroku", of(&[&heroku, &names])),
        ("test-secret", of(&[&heroku, &service, &names])),
        ("finish-secret", of(&[&schedule])),
        ("revoke-secret", of(&[&heroku, &service, &schedule, &names])),
        ("sweep", of(&[&schedule, &stack])),
        (
            "enroll-addon",
            of(&[&heroku, &service, &stack, &names, &enrolment]),
        ),
        ("start-rotation", of(&[&stack, &names, &button])),
        (
            "deprovision-addon",
            of(&[&service, &stack, &names, &schedule, &deprovisioning]),
        ),
    ])
}
