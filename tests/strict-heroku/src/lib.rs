//! Heroku as an add-on partner meets it: the legacy App Info API (v1), the Platform API for
//! Partners (v3), OAuth, and the apps whose dynos restart when a config var changes.
//!
//! It is controlled from code only. Where Heroku documents nothing, the choice is said at the
//! item it concerns.

#![allow(clippy::must_use_candidate)]

mod answer;
mod dynos;
mod limits;
mod model;
mod oauth;
#[cfg(test)]
mod tests;
mod things;
mod tokens;
mod v1;
mod v3;
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use stand_in::events::EventLog;
use stand_in::{FaultRule, FrontDesk, LoopbackServer, RequestRecord, listen};
use tokio::net::TcpListener;
use url::Url;

use self::answer::{ApiError, REMAINING};
pub use self::limits::{Pool, RateLimit};
pub use self::model::{
    AppSpec, DynoState, GoneAs, Manifest, Provision, ProvisionedAddOn, Release, Renewal,
    RestartSpeed, ShownNames, Untidiness,
};
use self::world::World;

/// Heroku on one machine, until dropped. The API and OAuth are apart, on two ports, as they are
/// on two hosts. Add-ons are named by UUID, globally unique name or legacy id.
pub struct Heroku {
    shared: Shared,
    desk: FrontDesk,
    oauth_url: Url,
    _api: LoopbackServer,
    _id: LoopbackServer,
}

#[derive(Clone)]
struct Shared {
    world: Arc<Mutex<World>>,
    api_url: Url,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        stand_in::lock(&self.world)
    }

    fn api_url(&self) -> &Url {
        &self.api_url
    }

    /// Runs an admitted request, if the account's pool has a request left.
    async fn metered(&self, account: &str, request: Request, next: Next) -> Response {
        let taken = self.world().pools.take(account);
        match taken {
            Ok(remaining) => {
                let mut answer = next.run(request).await;
                answer.headers_mut().insert(REMAINING, remaining.into());
                answer
            }
            Err(exhausted) => ApiError::from(exhausted).into_response(),
        }
    }
}

impl Heroku {
    /// Starts an empty Heroku that reports to `events`. Needs a running Tokio runtime.
    pub async fn start(events: EventLog) -> anyhow::Result<Self> {
        let (api_listener, api_url) = base_url().await?;
        let (id_listener, id_url) = base_url().await?;
        let shared = Shared {
            world: Arc::new(Mutex::new(World::new(events))),
            api_url,
        };
        let desk = FrontDesk::new(error_answer);
        let api = v1::router(shared.clone()).merge(v3::router(shared.clone()));
        let api = with_common_answers(api, &shared);
        let id = with_common_answers(oauth::router(shared.clone()), &shared);
        Ok(Self {
            oauth_url: joined(&id_url, "oauth/token"),
            _api: desk.serve(api_listener, api),
            _id: desk.serve(id_listener, id),
            shared,
            desk,
        })
    }

    /// What is `https://api.heroku.com/` in production.
    pub fn api_url(&self) -> Url {
        self.shared.api_url.clone()
    }

    /// What is `https://id.heroku.com/oauth/token` in production.
    pub fn oauth_url(&self) -> Url {
        self.oauth_url.clone()
    }

    pub fn add_service(&self, manifest: Manifest) -> anyhow::Result<()> {
        self.shared.world().add_service(manifest)
    }

    /// Creates an app, with its dynos running on an empty config.
    pub fn create_app(&self, spec: AppSpec) -> anyhow::Result<()> {
        self.shared.world().create_app(spec)
    }

    /// Sets a config var of the customer's own; a release.
    pub fn set_app_var(&self, app: &str, var: &str, value: &str) -> anyhow::Result<()> {
        self.shared.world().set_app_var(app, var, value)
    }

    /// Provisions an add-on at once: a release of the app that owns it.
    pub fn provision(&self, provision: Provision) -> anyhow::Result<ProvisionedAddOn> {
        self.shared.world().provision(provision)
    }

    /// Attaches an add-on to an app; a release of that app. `ACME_URL` is there under
    /// `{as_name}_URL`.
    pub fn attach(&self, addon: &str, app: &str, as_name: &str) -> anyhow::Result<()> {
        self.shared.world().attach(addon, app, as_name)
    }

    /// Removes an add-on, as the customer does; a release of each app that had it. Its refresh
    /// token ends; an access token is accepted until it expires, and learns that the add-on is
    /// gone.
    pub fn deprovision(&self, addon: &str) -> anyhow::Result<()> {
        self.shared.world().deprovision(addon)
    }

    /// Writes an add-on's config as somebody else with the partner's rights would; a release of
    /// each app that has the add-on.
    pub fn set_config(&self, addon: &str, vars: &BTreeMap<String, String>) -> anyhow::Result<()> {
        let mut world = self.shared.world();
        let number = world.number(addon)?;
        let changes = vars
            .iter()
            .map(|(var, value)| (var.clone(), Some(value.clone())))
            .collect();
        world.write_config(number, &changes)
    }

    /// Removes one of an add-on's config vars, as somebody else with the partner's rights would; a release of each
    /// app that has the add-on.
    pub fn remove_config(&self, addon: &str, var: &str) -> anyhow::Result<()> {
        let mut world = self.shared.world();
        let number = world.number(addon)?;
        world.write_config(number, &BTreeMap::from([(var.to_owned(), None)]))
    }

    /// Answers a refresh token of the add-on, as the exchange of the grant code gave it. A secret.
    pub fn refresh_token(&self, addon: &str) -> anyhow::Result<String> {
        let mut world = self.shared.world();
        let number = world.number(addon)?;
        ensure!(
            !world.addon(number)?.is_gone,
            "the add-on `{addon}` is gone"
        );
        let token = world.tokens.any_refresh_token(number);
        world.secrets.insert(token.clone());
        Ok(token)
    }

    /// Whether a refresh token would be honoured: nothing comes of the question.
    pub fn honours(&self, refresh_token: &str) -> bool {
        self.shared.world().tokens.honours(refresh_token)
    }

    pub fn expire_tokens(&self, addon: &str) -> anyhow::Result<()> {
        let mut world = self.shared.world();
        let number = world.number(addon)?;
        world.tokens.expire_access(number);
        Ok(())
    }

    /// Sets what a refresh of tokens does from now on.
    pub fn set_renewal(&self, renewal: Renewal) {
        self.shared.world().tokens.renewal = renewal;
    }

    pub fn set_rate_limit(&self, limit: RateLimit) {
        self.shared.world().pools.set(limit);
    }

    /// Sets how many installations a page of v1's list holds; 4,000 at the start, at least 1.
    pub fn set_page_size(&self, installations: usize) {
        self.shared.world().page_size = installations.max(1);
    }

    /// Sets what it does with config vars beside what it documents.
    pub fn set_untidiness(&self, untidiness: Untidiness) {
        self.shared.world().untidiness = untidiness;
    }

    /// Sets how v3 shows add-ons that were deprovisioned.
    pub fn set_gone_as(&self, gone_as: GoneAs) {
        self.shared.world().gone_as = gone_as;
    }

    /// The releases of an app, oldest first; the first is the app's creation.
    pub fn releases(&self, app: &str) -> anyhow::Result<Vec<Release>> {
        Ok(self.shared.world().app(app)?.releases.clone())
    }

    /// The dynos of an app, as they are now.
    pub fn dynos(&self, app: &str) -> anyhow::Result<Vec<DynoState>> {
        let world = self.shared.world();
        Ok(world
            .app(app)?
            .dynos
            .iter()
            .map(dynos::Dyno::state)
            .collect())
    }

    /// The config vars of an add-on under the manifest's names. Secrets.
    pub fn config(&self, addon: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let world = self.shared.world();
        Ok(world.addon(world.number(addon)?)?.config.clone())
    }

    /// How often the add-on's config was written since it was provisioned, changed or not.
    pub fn config_writes(&self, addon: &str) -> anyhow::Result<usize> {
        let world = self.shared.world();
        Ok(world.addon(world.number(addon)?)?.writes)
    }

    /// Makes coming requests fail, on the API and on OAuth.
    pub fn fail_next(&self, rule: FaultRule) {
        self.desk.fail_next(rule);
    }

    /// How many of the faults asked for no request has met yet.
    pub fn pending_faults(&self) -> usize {
        self.desk.pending_faults()
    }

    /// The requests so far, on the API and on OAuth, in the order in which they came.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.desk.requests()
    }

    /// Every secret that Heroku ever held: passwords, client secrets, codes, tokens, and config
    /// vars' values. For looking whether one of them got into an output.
    pub fn secret_values(&self) -> Vec<String> {
        self.shared.world().secrets.iter().cloned().collect()
    }
}

async fn base_url() -> anyhow::Result<(TcpListener, Url)> {
    let (listener, address) = listen().await?;
    Ok((listener, Url::parse(&format!("http://{address}/"))?))
}

fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(path);
    url
}

fn with_common_answers(router: Router, shared: &Shared) -> Router {
    async fn not_found() -> ApiError {
        ApiError::not_found("The requested API endpoint was not found.")
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(middleware::map_response_with_state(
            shared.clone(),
            with_remaining,
        ))
}

/// Answers to nobody in particular show a full pool.
async fn with_remaining(
    axum::extract::State(shared): axum::extract::State<Shared>,
    mut answer: Response,
) -> Response {
    if !answer.headers().contains_key(REMAINING) {
        let capacity = shared.world().pools.limit.capacity;
        answer.headers_mut().insert(REMAINING, capacity.into());
    }
    answer
}

fn error_answer(status: StatusCode, retry_after: Option<Duration>) -> Response {
    let mut answer = ApiError::of_status(status, retry_after).into_response();
    if !answer.headers().contains_key(REMAINING) {
        let capacity = RateLimit::default().capacity;
        answer.headers_mut().insert(REMAINING, capacity.into());
    }
    answer
}
