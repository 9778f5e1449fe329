//! The `postgres` engine against real servers.

mod support;
mod tls;
