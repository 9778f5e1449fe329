//! The Redis servers of the local cloud: one for each instance, as a partner runs them.

use anyhow::bail;
use database_servers::redis::{ADMINISTRATOR, Redis, RedisOptions, Users, hash};

use serde_json::json;

use super::instance::{Imported, Instance, random_text};
use super::partner::{login, silent};
use super::{Own, Partner};

impl Partner {
    pub async fn redis(&self, instance: &Instance) -> anyhow::Result<Own<Redis>> {
        self.redis_of(&instance.name).await
    }

    pub(super) async fn live_users(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let redis = self.redis_of(name).await?;
        let live = redis.lock().await.live_users().await?;
        Ok(live)
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
        let login = login("redis", ADMINISTRATOR, redis.administrator_password(), port);
        let redis = self.owned(&format!("redis-{name}"), redis, &login).await?;
        let administrator = redis.1.clone();
        self.redis.add(name, redis).await;
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

    async fn redis_of(&self, name: &str) -> anyhow::Result<Own<Redis>> {
        let none = async || bail!("the add-on instance `{name}` has no Redis server");
        Ok(self.redis.of(name, none).await?.0)
    }
}
