//! Faults at every request of a rotation, and random histories: the functions' own handlers over real
//! HTTP and the databases' own protocols, in one process, where a run takes a tenth of a second.
//!
//! Secrets Manager, EventBridge Scheduler and Heroku are the local cloud's; in front of each of them,
//! of Lambda and of the service stands a [`proxy`] that has requests go wrong. Time is the real one,
//! and skipped while nothing is to happen. What must hold ([`violation::Rule`]) is looked at after
//! every request.
//!
//! What this is not: IAM (every request is allowed), TLS, and Lambda's own start. The end-to-end tests
//! have these.

#![allow(
    clippy::must_use_candidate,
    reason = "nobody calls it but the program and a test"
)]

pub mod clock;
pub mod engine;
pub mod fault;
pub mod functions;
pub mod output;
pub mod proxy;
pub mod report;
pub mod run;
pub mod runner;
pub mod running;
pub mod story;
pub mod violation;
pub mod world;

/// Why a run could not be made. A test's error: whoever reads it looks into the code.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// A secret text that is nowhere else.
pub fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
