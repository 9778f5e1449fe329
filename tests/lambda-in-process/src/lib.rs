//! Lambda in the process of a test: the functions' own steps, each invocation a cold start that keeps nothing, and
//! the words in which Lambda answers. Which invocations there are, and what goes wrong with them, is the test's.

#![allow(clippy::must_use_candidate)]
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a stand that cannot be set up is a failed test"
)]

mod answer;
mod environment;

use std::time::Duration;

pub use answer::{answered, described, invocation};
pub use environment::{Environment, TOKENS_TABLE, names, read_by_each};

/// The stack's name: the value of the managed secrets' tag `rotation:stack`.
pub const STACK: &str = "addon-rotation";

/// The stack's grace period: the default.
pub const GRACE_PERIOD: Duration = Duration::from_hours(2);

/// The time between rotations that customers ask for: the default.
pub const MINIMUM_ROTATION_INTERVAL: Duration = Duration::from_hours(1);

/// The functions that `rotate` calls, in the order of a rotation.
pub const FUNCTIONS: [&str; 4] = [
    "create-secret",
    "publish-to-heroku",
    "test-secret",
    "finish-secret",
];

pub fn arn(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{STACK}-{function}")
}

/// Which of the stack's functions is meant by its ARN, or by its name with the stack's or without.
pub fn function_of(name: &str) -> &str {
    let name = name.rsplit(':').next().unwrap_or(name);
    let own = name.strip_prefix(STACK);
    own.and_then(|own| own.strip_prefix('-')).unwrap_or(name)
}
