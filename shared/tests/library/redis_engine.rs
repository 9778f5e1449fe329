//! The `redis` and `valkey` engines against real servers.

mod adversary;
mod connections;
mod crashes;
mod faults;
mod files;
mod guards;
mod leaks;
mod nodes;
mod rotation;
mod servers;
mod sessions;
mod support;
mod tls;
