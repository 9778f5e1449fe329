//! Rotation of the credentials that a Heroku add-on hands to its customers' apps, driven by AWS
//! Secrets Manager.
//!
//! The Lambda functions of this project are thin: each reads its configuration, builds the clients
//! it needs and runs one step from [`steps`]. What a step talks to has a module of its own:
//!
//! | module | talks to or holds |
//! |---|---|
//! | [`event`] | what Secrets Manager and the functions send one another |
//! | [`document`] | the secret's document: checked as a whole, rendered to config vars, renewed |
//! | [`authority`] | what a document may have done: names, addresses |
//! | [`secrets`] | Secrets Manager: versions and their staging labels |
//! | [`heroku`] | Heroku's partner API, v1 and v3, and its OAuth tokens |
//! | [`service`] | the add-on's own service, one module per engine |
//! | [`schedule`] | EventBridge Scheduler: the delayed revocation |
//! | [`rotation_schedule`] | when Secrets Manager rotates an instance |
//! | [`invoke`] | the functions that hold the powers `rotate` lacks |
//! | [`fleet`] | all secrets of a stack, by labels, tags and schedules alone |
//! | [`function`], [`last_will`], [`configuration`], [`telemetry`], [`aws`], [`net`], [`deadline`] | what every Lambda function needs |

pub mod authority;
pub mod aws;
pub mod configuration;
pub mod deadline;
pub mod document;
pub mod error;
pub mod event;
pub mod event_bus;
pub mod fleet;
pub mod function;
pub mod heroku;
pub mod invoke;
pub mod last_will;
pub mod message;
pub mod net;
pub mod rotation_schedule;
pub mod schedule;
pub mod secrets;
pub mod service;
pub mod steps;
pub mod telemetry;

#[cfg(test)]
#[path = "../tests/library/support/snapshot.rs"]
mod snapshot;

pub use error::Error;
