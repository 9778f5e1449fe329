//! Rotation of the credentials that a Heroku add-on hands to its customers' apps, driven by AWS
//! Secrets Manager.
//!
//! The Lambda functions of this project are thin: each runs one type of [`steps`] or [`instances`], which reads its
//! configuration, builds the clients that it needs, and handles events. What these talk to has a module of its own.
//! A module imports from those above it in this table alone:
//!
//! | module | holds or talks to |
//! |---|---|
//! | [`deadline`], [`ids`], [`limits`], [`last_will`], [`message`], [`telemetry`] | what everything needs |
//! | [`fields`] | a JSON object: how it is read and checked, the templates over it |
//! | [`net`], [`aws`], [`start`] | the HTTP client, the AWS SDK's configuration, the environment variables |
//! | [`authority`] | addresses that a login may be sent to |
//! | [`engine`] | the add-on's own service, one module per engine |
//! | [`document`] | the secret's document: checked as a whole, rendered to config vars, renewed |
//! | [`claims`] | what a document may claim: names, addresses |
//! | [`service`] | an engine, asked with the login that the document has a right to |
//! | [`event`] | what Secrets Manager and the functions send one another |
//! | [`rotation_schedule`], [`secrets`] | Secrets Manager: versions and their staging labels |
//! | [`tokens`] | DynamoDB: the refresh tokens of v3's instances |
//! | [`heroku`] | Heroku's partner API, v1 and v3, and its OAuth tokens |
//! | [`schedule`] | EventBridge Scheduler: the delayed revocation |
//! | [`event_bus`], [`invoke`] | EventBridge; the functions that hold the powers `rotate` lacks |
//! | [`fleet`] | all secrets of a stack, by labels, tags and schedules alone |
//! | [`error`], [`function`] | what every function can fail with, and is |
//! | [`ending`] | the end of a credential, at every address that it may be alive at |
//! | [`steps`], [`instances`] | the functions |

#![warn(missing_docs)]

pub mod authority;
pub mod aws;
pub mod claims;
pub mod deadline;
pub mod document;
pub mod ending;
pub mod engine;
pub mod error;
pub mod event;
pub mod event_bus;
pub mod fields;
pub mod fleet;
pub mod function;
pub mod heroku;
pub mod ids;
pub mod instances;
pub mod invoke;
pub mod last_will;
pub mod limits;
pub mod message;
pub mod net;
pub mod rotation_schedule;
pub mod schedule;
pub mod secrets;
pub mod service;
pub mod start;
pub mod steps;
pub mod telemetry;
pub mod tokens;

#[cfg(test)]
#[path = "../tests/library/support/snapshot.rs"]
mod snapshot;

pub use error::Error;
