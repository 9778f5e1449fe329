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
use super::model::{AddOnState, GoneAs};
use super::things::{AddOn, Attachment, Changes};
use super::tokens::AddOnNumber;
use super::world::World;

/// The add-on that the caller's token is for.
#[derive(Clone, Copy)]
struct Scope(AddOnNumber);

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/addons/{id}", get(show))
        .route("/addons/{id}/config", get(config).patch(update))
        .route("/addons/{id}/addon-attachments", get(attachments))
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
    let (_, addon) = in_scope(&world, scope, &id)?;
    if addon.state == AddOnState::Deprovisioned && world.gone_as != GoneAs::Deprovisioned {
        return Err(gone(&world));
    }
    Ok(Json(json!({
        "id": addon.id,
        "name": addon.name,
        "state": addon.state.as_str(),
        "app": app(&world, &addon.owner_app),
        "plan": { "name": addon.plan },
        "addon_service": { "name": addon.service },
        "config_vars": addon.config.keys().collect::<Vec<_>>(),
        "provider_id": addon.provider_id,
        "created_at": addon.created_at,
        "updated_at": addon.updated_at,
    })))
}

/// A config var in v3's form.
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

async fn attachments(
    State(shared): State<Shared>,
    Extension(scope): Extension<Scope>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let world = shared.world();
    let (_, addon) = alive(&world, scope, &id)?;
    let attachments = addon.attachments.iter();
    Ok(Json(
        attachments
            .map(|it| attachment(&world, addon, it))
            .collect(),
    ))
}

fn attachment(world: &World, addon: &AddOn, attachment: &Attachment) -> Value {
    json!({
        "id": attachment.id,
        "name": attachment.name,
        "addon": {
            "id": addon.id,
            "name": addon.name,
            "app": app(world, &addon.owner_app),
        },
        "app": app(world, &attachment.app),
        "namespace": null,
    })
}

fn app(world: &World, name: &str) -> Value {
    json!({ "id": world.apps.get(name).map(|app| &app.id), "name": name })
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

/// The add-on by UUID or name, if the token is for it.
fn in_scope<'w>(
    world: &'w World,
    scope: Scope,
    id: &str,
) -> Result<(AddOnNumber, &'w AddOn), ApiError> {
    let found = world.number(id).ok();
    let found = found.and_then(|number| Some((number, world.addons.get(&number)?)));
    match found.filter(|(_, addon)| addon.heroku_id != id) {
        Some((number, addon)) if number == scope.0 => Ok((number, addon)),
        Some((_, addon)) => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("You do not have access to the add-on {}.", addon.name),
        )),
        None => Err(ApiError::not_found("Couldn't find that add-on.")),
    }
}

fn alive<'w>(
    world: &'w World,
    scope: Scope,
    id: &str,
) -> Result<(AddOnNumber, &'w AddOn), ApiError> {
    let found = in_scope(world, scope, id)?;
    if found.1.state == AddOnState::Deprovisioned {
        return Err(gone(world));
    }
    Ok(found)
}

fn gone(world: &World) -> ApiError {
    match world.gone_as {
        GoneAs::Gone => ApiError::new(
            StatusCode::GONE,
            "gone",
            "That add-on can no longer be found.",
        ),
        GoneAs::NotFound | GoneAs::Deprovisioned => {
            ApiError::not_found("Couldn't find that add-on.")
        }
    }
}
