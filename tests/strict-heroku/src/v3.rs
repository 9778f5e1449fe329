//! The Platform API for Partners: `/addons`, with an access token for one add-on.

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use headers::authorization::Bearer;
use headers::{Authorization, HeaderMapExt};
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Shared;
use super::answer::ApiError;
use super::model::GoneAs;
use super::things::{AddOn, Changes, PLAN};
use super::tokens::AddOnNumber;
use super::world::World;

#[derive(Clone, Copy)]
struct Scope(AddOnNumber);

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/addons/{id}", get(show))
        .route("/addons/{id}/config", get(config).patch(update))
        .layer(middleware::from_fn_with_state(shared.clone(), admit))
        .with_state(shared)
}

async fn admit(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    if !accepts_version_3(request.headers()) {
        return ApiError::new(
            StatusCode::NOT_ACCEPTABLE,
            "not_acceptable",
            "Set the header Accept: application/vnd.heroku+json; version=3.",
        )
        .into_response();
    }
    let bearer = request.headers().typed_get::<Authorization<Bearer>>();
    let scope = bearer.and_then(|bearer| shared.world().tokens.check(bearer.token()));
    let Some(scope) = scope else {
        return ApiError::unauthorized().into_response();
    };
    request.extensions_mut().insert(Scope(scope));
    let account = shared.world().account(scope);
    shared.metered(&account, request, next).await
}

fn accepts_version_3(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| {
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            parts.next() == Some("application/vnd.heroku+json")
                && parts.any(|parameter| parameter == "version=3")
        })
    })
}

async fn show(
    State(shared): State<Shared>,
    Extension(scope): Extension<Scope>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let world = shared.world();
    let (_, addon) = alive(&world, scope, &id)?;
    let app = world.apps.get(&addon.owner_app).map(|app| &app.id);
    Ok(Json(json!({
        "id": addon.id,
        "name": addon.name,
        "state": "provisioned",
        "app": { "id": app, "name": addon.owner_app },
        "plan": { "name": format!("{}:{PLAN}", addon.service) },
        "addon_service": { "name": addon.service },
        "config_vars": addon.config.keys().collect::<Vec<_>>(),
        "provider_id": addon.provider_id,
        "created_at": addon.created_at,
        "updated_at": addon.updated_at,
    })))
}

#[derive(Deserialize, Serialize)]
struct Var {
    name: String,
    value: Option<String>,
}

async fn config(
    State(shared): State<Shared>,
    Extension(scope): Extension<Scope>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Var>>, ApiError> {
    let world = shared.world();
    let (_, addon) = alive(&world, scope, &id)?;
    Ok(Json(vars(&world, addon)))
}

#[derive(Deserialize)]
struct Update {
    config: Vec<Var>,
}

async fn update(
    State(shared): State<Shared>,
    Extension(scope): Extension<Scope>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Vec<Var>>, ApiError> {
    let mut world = shared.world();
    let (number, _) = alive(&world, scope, &id)?;
    let update: Update = serde_json::from_slice(&body).map_err(|_| {
        ApiError::bad_request(
            "Expected {\"config\": [{\"name\": \"NAME\", \"value\": \"value\"}]} in JSON.",
        )
    })?;
    let keeps_nulls = world.untidiness.keeps_nulls;
    let changes: Changes = update
        .config
        .into_iter()
        .filter(|var| var.value.is_some() || !keeps_nulls)
        .map(|var| (var.name, var.value))
        .collect();
    world
        .write_config(number, &changes)
        .map_err(|refusal| ApiError::invalid_params(refusal.to_string()))?;
    let (_, addon) = alive(&world, scope, &id)?;
    Ok(Json(vars(&world, addon)))
}

fn vars(world: &World, addon: &AddOn) -> Vec<Var> {
    let config = addon.shown(world.untidiness.names).into_iter();
    config
        .map(|(name, value)| Var {
            name,
            value: Some(value),
        })
        .collect()
}

/// The add-on by UUID or name, if the token is for it and it is not gone.
fn alive<'w>(
    world: &'w World,
    scope: Scope,
    id: &str,
) -> Result<(AddOnNumber, &'w AddOn), ApiError> {
    let found = world.number(id).ok();
    let found = found.and_then(|number| Some((number, world.addons.get(&number)?)));
    match found.filter(|(_, addon)| addon.heroku_id != id) {
        Some((number, addon)) if number == scope.0 && !addon.is_gone => Ok((number, addon)),
        Some((number, _)) if number == scope.0 && world.gone_as == GoneAs::Gone => {
            let message = "That add-on can no longer be found.";
            Err(ApiError::new(StatusCode::GONE, "gone", message))
        }
        Some((number, addon)) if number != scope.0 => {
            let message = format!("You do not have access to the add-on {}.", addon.name);
            Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message))
        }
        _ => Err(ApiError::not_found("Couldn't find that add-on.")),
    }
}
