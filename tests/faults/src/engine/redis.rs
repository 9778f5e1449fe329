//! ACL users of a Redis server's.

use database_servers::redis::{ADMINISTRATOR, Redis, hash};
use redis::aio::MultiplexedConnection;

use crate::Problem;

/// Those that may use the instance's keys.
pub struct RedisUsers {
    keys: String,
    administrator: MultiplexedConnection,
}

impl RedisUsers {
    pub(super) async fn create(
        server: &Redis,
        name: &str,
        password: &str,
    ) -> Result<Self, Problem> {
        let keys = format!("~{name}:*");
        let own = server.administrator_password();
        let mut administrator = server.connect(Some(ADMINISTRATOR), Some(own)).await?;
        let rules = ["on", &hash(password), &keys, "+@all", "-@admin"];
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg(name).arg(&rules);
        let _: () = command.query_async(&mut administrator).await?;
        Ok(Self {
            keys,
            administrator,
        })
    }

    pub(super) async fn live(&self) -> Result<Vec<String>, Problem> {
        let mut administrator = self.administrator.clone();
        let mut command = redis::cmd("ACL");
        let lines: Vec<String> = command.arg("LIST").query_async(&mut administrator).await?;
        let live = lines.iter().filter_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let is_live = words.contains(&"on") && words.contains(&self.keys.as_str());
            is_live.then(|| words.get(1).map(|name| (*name).to_owned()))?
        });
        Ok(live.collect())
    }

    pub(super) async fn clear(&self, users: Vec<String>) -> Result<(), Problem> {
        let mut command = redis::cmd("ACL");
        command.arg("DELUSER").arg(users);
        let mut administrator = self.administrator.clone();
        let _: usize = command.query_async(&mut administrator).await?;
        Ok(())
    }
}

pub(super) async fn accepts(server: &Redis, user: &str, password: &str) -> Result<bool, Problem> {
    match server.connect(Some(user), Some(password)).await {
        Ok(_) => Ok(true),
        Err(error) if !error.is_io_error() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
