//! AWS's rules, each with its source.

mod harness;
mod labels;
mod listing;
mod pending;
mod rotation;
mod untidy;
mod values;
