//! An ACL user of a Redis server's.

use std::sync::Arc;

use database_servers::redis::{ADMINISTRATOR, Redis, hash};
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};

use super::servers::{Servers, not_started};
use super::{Imported, field};
use crate::proxy::Passage;
use crate::proxy::database::{Bound, Protocol, Proxy};
use crate::{Problem, random};

/// An instance's users: those that may use its keys.
pub struct RedisService {
    keys: String,
    administrator: MultiplexedConnection,
    servers: Arc<Servers>,
    administrator_password: String,
    _proxy: Proxy,
}

impl RedisService {
    pub(super) async fn start(
        servers: Arc<Servers>,
        passage: Passage,
    ) -> Result<(Self, Imported), Problem> {
        let server: &Redis = servers.redis.as_ref().ok_or_else(not_started)?;
        let (user, password) = (format!("u_{}", random()), random());
        let keys = format!("~{user}:*");
        let administrator_password = server.administrator_password().to_owned();
        let mut administrator = server
            .connect(Some(ADMINISTRATOR), Some(&administrator_password))
            .await?;
        let _: () = redis::cmd("ACL")
            .arg("SETUSER")
            .arg(&user)
            .arg("on")
            .arg(hash(&password))
            .arg(&keys)
            .arg("+@all")
            .arg("-@admin")
            .query_async(&mut administrator)
            .await?;
        let bound = Bound::bind().await?;
        let imported = Imported {
            fields: json!({
                "engine": "redis",
                "host": "127.0.0.1", "port": bound.address.port(),
                "username": user, "password": password,
            }),
            template: "redis://{{username}}:{{password}}@{{host}}:{{port}}".to_owned(),
            administrator: json!({
                "username": ADMINISTRATOR, "password": administrator_password,
            }),
        };
        let proxy = bound.serve(Protocol::Redis, server.port(), passage);
        let service = Self {
            keys,
            administrator,
            administrator_password,
            servers,
            _proxy: proxy,
        };
        Ok((service, imported))
    }

    pub(super) async fn live(&self) -> Result<Vec<String>, Problem> {
        let mut administrator = self.administrator.clone();
        let lines: Vec<String> = redis::cmd("ACL")
            .arg("LIST")
            .query_async(&mut administrator)
            .await?;
        let live = lines.iter().filter_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let is_live = words.contains(&"on") && words.contains(&self.keys.as_str());
            is_live.then(|| words.get(1).map(|name| (*name).to_owned()))?
        });
        Ok(live.collect())
    }

    pub(super) async fn clear(&self) -> Result<(), Problem> {
        let mut command = redis::cmd("ACL");
        command.arg("DELUSER").arg(self.live().await?);
        let mut administrator = self.administrator.clone();
        let _: usize = command.query_async(&mut administrator).await?;
        Ok(())
    }

    pub(super) async fn accepts(&self, document: &Value) -> Result<bool, Problem> {
        let server = self.servers.redis.as_ref().ok_or_else(not_started)?;
        let (user, password) = (field(document, "username"), field(document, "password"));
        match server.connect(Some(user), Some(password)).await {
            Ok(_) => Ok(true),
            Err(error) if !error.is_io_error() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn secret_values(&self) -> Vec<String> {
        vec![self.administrator_password.clone()]
    }
}
