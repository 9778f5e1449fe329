//! The `mysql` and `mariadb` engines against real servers of both, each test with one of its own.

/// Makes a test of each function for each server.
macro_rules! on_each {
    ($($name:ident),+ $(,)?) => {
        on!(mariadb, MariaDb: $($name),+);
        on!(mysql, MySql: $($name),+);
    };
}

/// For what MySQL does not have.
macro_rules! on_mariadb {
    ($($name:ident),+ $(,)?) => { on!(mariadb_alone, MariaDb: $($name),+); };
}

/// For what MariaDB does not have.
macro_rules! on_mysql {
    ($($name:ident),+ $(,)?) => { on!(mysql_alone, MySql: $($name),+); };
}

macro_rules! on {
    ($module:ident, $server:ident: $($name:ident),+) => {
        mod $module {
            $(#[tokio::test]
            #[ignore = "needs the local cloud: cargo xtask test"]
            async fn $name() {
                super::$name(crate::mysql_engine::stand::Server::$server).await;
            })+
        }
    };
}

mod accounts;
mod adversary;
mod cut_off;
mod definers;
mod faults;
mod later;
mod life;
mod likeness;
mod policies;
mod possession;
mod probe;
mod raw;
mod refusals;
mod sessions;
mod stand;
mod tls;
