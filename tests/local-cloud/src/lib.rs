//! A cloud on one machine: what stands in for AWS, Heroku and the partner's services while the
//! real function binaries run against it.
//!
//! Everything binds to loopback on a free port, and every process started here is stopped with
//! the value that owns it.

pub mod cloud;
pub mod credential_service;
pub mod customers;
pub mod heroku;
pub mod lambda;
pub mod ministack;
pub mod stack;
