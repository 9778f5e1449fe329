//! The Redis servers of the local cloud: one for each instance, as a partner runs them.

use anyhow::Context as _;
use database_servers::redis::{ADMINISTRATOR, Redis, RedisOptions, Users, hash};
use std::sync::{Arc, PoisonError};

use serde_json::json;

use super::Partner;
use super::instance::{Imported, Instance, random_text};
use super::partner::silent;

/// A server that tests may stop and start again.
pub type SharedRedis = Arc<tokio::sync::Mutex<Redis>>;

impl Partner {
    /// The server of an instance.
    pub fn redis(&self, instance: &Instance) -> anyhow::Result<SharedRedis> {
        self.redis_of(&instance.name)
    }

    pub(super) async fn live_users(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let redis = self.redis_of(name)?;
        let redis = redis.lock().await;
        Ok(redis.live_users().await?)
    }

    /// A server whose customer was given a password and no user, as before there were users.
    pub(super) async fn import_redis(&self, name: &str) -> anyhow::Result<Imported> {
        let password = random_text(32);
        let programs = tools::ensure_redis(self.target(), silent());
        let options = RedisOptions {
            user_lines: vec![format!("default on {} ~* &* +@all", hash(&password))],
            ..RedisOptions::new(Users::AclFile)
        };
        let log = self.logs().join(format!("redis-{name}.log"));
        let redis = Redis::start(&programs.await?, &log, options).await?;
        let port = redis.port();
        let administrator = json!({
            "engine": "redis", "host": "127.0.0.1", "port": port, "username": ADMINISTRATOR, "password": redis.administrator_password(),
        });
        let secret = format!("addon/masters/redis-{name}");
        let administrator = self.create_secret(&secret, &administrator, &[]).await?;
        self.redis
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Arc::new(tokio::sync::Mutex::new(redis)));
        Ok(Imported {
            fields: json!({
                "engine": "redis",
                "host": "127.0.0.1", "port": port,
                "username": "", "password": password,
                "masterarn": administrator,
            }),
            config_var: "ACME_REDIS_URL",
            value: format!("redis://:{password}@127.0.0.1:{port}"),
            template: "redis://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}"
                .to_owned(),
        })
    }

    fn redis_of(&self, name: &str) -> anyhow::Result<SharedRedis> {
        let servers = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        servers
            .get(name)
            .cloned()
            .with_context(|| format!("the add-on instance `{name}` has no Redis server"))
    }
}
