//! The `postgres` engine against real servers, of Debian's version and of one with the rules for
//! administrators that came with version 16. The administrator is no superuser, as on RDS.

/// Makes a test of each function for each server.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod debian {
            $(#[tokio::test]
            #[ignore = "needs the local cloud: cargo xtask test"]
            async fn $name() {
                super::$name(crate::postgres_engine::support::Version::Debian).await;
            })+
        }
        mod newer {
            $(#[tokio::test]
            #[ignore = "needs the local cloud: cargo xtask test"]
            async fn $name() {
                super::$name(crate::postgres_engine::support::Version::Newer).await;
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
mod rotation;
mod same;
mod support;
mod tls;
