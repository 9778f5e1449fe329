//! The `postgres` engine against real servers: Debian's version, and later ones, with the rules for administrators
//! that came with version 16. The administrator is no superuser, as on RDS.

/// Makes a test of each function for each server.
macro_rules! on_each {
    ($($name:ident),+ $(,)?) => {
        on!(v15, 15: $($name),+);
        // As `cargo xtask prove` alone runs them.
        on!(v16, 16: $($name),+);
        on!(v17, 17: $($name),+);
        on!(v18, 18: $($name),+);
    };
}

macro_rules! on {
    ($module:ident, $version:literal: $($name:ident),+) => {
        mod $module {
            $(#[tokio::test]
            #[ignore = "needs the local cloud: cargo xtask test"]
            async fn $name() {
                super::$name(crate::postgres_engine::support::Version($version)).await;
            })+
        }
    };
}

mod adversary;
mod answers;
mod faults;
mod handed_over;
mod held_up;
mod maintenance;
mod pooler;
mod possession;
mod probe;
mod rotation;
mod same;
mod support;
mod tls;
