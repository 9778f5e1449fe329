//! A cloud on one machine: the stand-ins of AWS and Heroku, the partner's services and their customers, all together,
//! while the real function binaries run against them.
//!
//! Everything binds to loopback on a free port, and every process started here is stopped with
//! the value that owns it.

#![allow(clippy::must_use_candidate)]

pub mod cloud;
pub mod customers;
pub mod lambda;
pub mod ministack;
pub mod stack;
