//! The legacy App Info API: `/vendor/apps`, with the manifest's id and password.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use headers::authorization::Basic;
use headers::{Authorization, HeaderMapExt};
use http::header::LINK;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::answer::ApiError;
use super::limits::Pools;
use super::things::{AddOn, Changes, PLAN};
use super::tokens::AddOnNumber;
use super::world::World;

/// The manifest's id of the service that asks.
#[derive(Clone)]
struct Caller(String);

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/vendor/apps", get(list))
        .route("/vendor/apps/{id}", get(show).put(update))
        .layer(middleware::from_fn_with_state(shared.clone(), admit))
        .with_state(shared)
}

async fn admit(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let Some(service) = authenticated(&shared.world(), request.headers()) else {
        return ApiError::unauthorized().into_response();
    };
    let account = Pools::of_service(&service);
    request.extensions_mut().insert(Caller(service));
    shared.metered(&account, request, next).await
}

fn authenticated(world: &World, headers: &HeaderMap) -> Option<String> {
    let basic = headers.typed_get::<Authorization<Basic>>()?;
    let manifest = world.services.get(basic.username())?;
    (manifest.api_password == basic.password()).then(|| manifest.id.clone())
}

#[derive(Deserialize)]
struct Page {
    offset: Option<AddOnNumber>,
}

async fn list(
    State(shared): State<Shared>,
    Extension(Caller(service)): Extension<Caller>,
    Query(page): Query<Page>,
) -> Response {
    let world = shared.world();
    let listed = |addon: &&AddOn| addon.service == service && !addon.is_gone;
    let from = page.offset.unwrap_or(0);
    let mut rest = world.addons.range(from..).filter(|(_, it)| listed(it));
    let installations: Vec<Value> = rest
        .by_ref()
        .take(world.page_size)
        .map(|(_, addon)| installation(addon))
        .collect();
    let next = rest.next().map(|(number, _)| *number);
    let mut before = world
        .addons
        .range(..from)
        .filter(|(_, it)| listed(it))
        .rev();
    let previous = before.by_ref().take(world.page_size).last();
    let previous = previous.map(|(number, _)| *number);

    let mut answer = Json(installations).into_response();
    let base = shared.api_url();
    let link = |offset, rel| format!("<{base}vendor/apps?offset={offset}>; rel=\"{rel}\"");
    let links = [
        previous.map(|it| link(it, "prev")),
        next.map(|it| link(it, "next")),
    ];
    let links: Vec<String> = links.into_iter().flatten().collect();
    if !links.is_empty()
        && let Ok(value) = HeaderValue::from_str(&links.join(", "))
    {
        answer.headers_mut().insert(LINK, value);
    }
    answer
}

async fn show(
    State(shared): State<Shared>,
    Extension(Caller(service)): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let world = shared.world();
    let (_, addon) = installed(&world, &service, &id)?;
    let mut info = json!({
        "id": addon.heroku_id,
        "name": addon.owner_app,
        "config": addon.shown_by_v1(world.untidiness.names),
        "callback_url": callback_url(addon),
        "owner_email": format!("owner@{}.example", addon.owner_app),
        "region": "amazon-web-services::us-east-1",
        "domains": [format!("{}.example", addon.owner_app)],
    });
    if !world.untidiness.without_uuid {
        info["resource"] = json!({ "uuid": addon.id, "name": addon.name });
    }
    Ok(Json(info).into_response())
}

#[derive(Deserialize)]
struct Update {
    config: BTreeMap<String, String>,
}

/// Answers 200 without a body: Heroku documents none.
async fn update(
    State(shared): State<Shared>,
    Extension(Caller(service)): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let mut world = shared.world();
    let (number, _) = installed(&world, &service, &id)?;
    let update: Update = serde_json::from_slice(&body).map_err(|_| {
        ApiError::bad_request("Expected {\"config\": {\"NAME\": \"value\"}} in JSON.")
    })?;
    let changes: Changes = update
        .config
        .into_iter()
        .map(|(var, value)| (var, Some(value)))
        .collect();
    if let Some(var) = world.undeclared(&service, changes.keys()) {
        let message = format!("{var} is not declared in the add-on's manifest.");
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    let written = world.write_config(number, &changes);
    written.map_err(|refusal| ApiError::invalid_params(refusal.to_string()))?;
    Ok(StatusCode::OK)
}

/// The service's own installation by UUID or legacy id; none while it is being provisioned.
fn installed<'w>(
    world: &'w World,
    service: &str,
    id: &str,
) -> Result<(AddOnNumber, &'w AddOn), ApiError> {
    world
        .number(id)
        .ok()
        .and_then(|number| Some((number, world.addons.get(&number)?)))
        .filter(|(_, it)| it.service == service && it.name != id && !it.is_gone)
        .ok_or_else(|| ApiError::not_found("Couldn't find that app."))
}

fn installation(addon: &AddOn) -> Value {
    json!({
        "callback_url": callback_url(addon),
        "heroku_id": addon.heroku_id,
        "plan": PLAN,
        "provider_id": addon.provider_id,
        "resource": { "uuid": addon.id, "name": addon.name },
    })
}

/// Where Heroku is in production: a client must build its addresses from its own base URL.
fn callback_url(addon: &AddOn) -> String {
    format!("https://api.heroku.com/vendor/apps/{}", addon.id)
}
