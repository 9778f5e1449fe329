//! Secrets Manager and EventBridge Scheduler on one machine, strictly by AWS's rules, behind one address.
//!
//! Alone, every request is allowed. In front of a `MiniStack`, that one says who signed each and what IAM makes of it, and
//! answers for the rest of AWS.

#![allow(clippy::must_use_candidate)]

mod credential;
pub mod gateway;
pub mod ministack;
pub mod scheduler;
pub mod secrets_manager;
