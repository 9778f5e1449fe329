//! The `redis` and `valkey` engines against real servers.

mod connections;
mod crashes;
mod faults;
mod guards;
mod leaks;
mod nodes;
mod rotation;
mod support;
mod tls;
