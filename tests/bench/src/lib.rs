//! The functions' executables run as Lambda runs them, and rotate instances of the stand-ins: every request goes on to
//! them by TLS and is counted.

mod front;
mod lambda;
mod world;

use std::collections::BTreeMap;

pub use front::Host;
pub use lambda::{Invocation, Lambda};
pub use world::World;

/// The functions, in the order in which a rotation, what follows, and an instance's life call them.
pub const FUNCTIONS: [&str; 10] = [
    "rotate",
    "create-secret",
    "publish-to-heroku",
    "test-secret",
    "finish-secret",
    "revoke-secret",
    "sweep",
    "enroll-addon",
    "start-rotation",
    "deprovision-addon",
];

/// What a function is compared with.
pub const FLOOR: &str = "floor";

/// And what the steps of a rotation are: one function in Python.
pub const PYTHON: &str = "python";

/// The invocations of one round, by their names.
pub type Round = BTreeMap<String, Invocation>;
