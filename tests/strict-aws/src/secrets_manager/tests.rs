//! Contract tests: AWS's rules, over HTTP.

mod deletion;
mod harness;
mod labels;
mod listing;
mod pending;
mod recorded;
mod rotation;
mod schedule;
mod untidy;
mod values;
mod versions;
