//! `POST /oauth/token`: codes and refresh tokens for access tokens.

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use headers::{ContentType, HeaderMapExt};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::Shared;
use super::answer::ApiError;
use super::limits::Pool;
use super::tokens::{InvalidGrant, Issued};
use super::world::World;

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/oauth/token", post(token))
        .with_state(shared)
}

enum Grant {
    Code(String),
    RefreshToken(String),
}

/// Parameters are taken from the form body alone: a query string ends up in logs.
async fn token(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    if uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(ApiError::bad_request(
            "Send the parameters in the form body, not in the query string.",
        ));
    }
    if headers.typed_get::<ContentType>() != Some(ContentType::form_url_encoded()) {
        return Err(ApiError::bad_request(
            "Send the parameters as application/x-www-form-urlencoded.",
        ));
    }
    let (grant, client_secret) = parameters(&body)?;
    let mut world = shared.world();
    authenticate(&world, &grant, &client_secret)?;
    let (Grant::Code(value) | Grant::RefreshToken(value)) = &grant;
    if world.pools.limit.pool == Pool::Service
        && let Some(number) = world.tokens.owner_of_grant(value)
    {
        let account = world.account(number);
        world.pools.take(&account)?;
    }
    let issued = match &grant {
        Grant::Code(code) => world.tokens.exchange(code),
        Grant::RefreshToken(token) => world.tokens.refresh(token),
    };
    let issued = issued.map_err(|InvalidGrant| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_grant",
            "The code or refresh token is unknown, used, expired or ended.",
        )
    })?;
    Ok(Json(remembered(&mut world, &issued)))
}

fn parameters(body: &[u8]) -> Result<(Grant, String), ApiError> {
    let parameter = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(body);
        let found = pairs.find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .ok_or_else(|| ApiError::bad_request(format!("The parameter {name} is missing.")))
    };
    let grant = match parameter("grant_type")?.as_str() {
        "authorization_code" => Grant::Code(parameter("code")?),
        "refresh_token" => Grant::RefreshToken(parameter("refresh_token")?),
        _ => {
            return Err(ApiError::bad_request(
                "The grant_type is neither authorization_code nor refresh_token.",
            ));
        }
    };
    Ok((grant, parameter("client_secret")?))
}

/// The secret must be that of the service whose add-on the grant is for; for an unknown grant,
/// that of any service.
fn authenticate(world: &World, grant: &Grant, client_secret: &str) -> Result<(), ApiError> {
    let (Grant::Code(value) | Grant::RefreshToken(value)) = grant;
    let addon = world.tokens.owner_of_grant(value);
    let service = addon.and_then(|number| Some(&world.addons.get(&number)?.service));
    let mut candidates = world
        .services
        .values()
        .filter(|manifest| service.is_none_or(|service| *service == manifest.id));
    if candidates.any(|manifest| manifest.client_secret == client_secret) {
        return Ok(());
    }
    Err(ApiError::unauthorized())
}

fn remembered(world: &mut World, issued: &Issued) -> Value {
    world.secrets.insert(issued.access_token.clone());
    world.secrets.insert(issued.refresh_token.clone());
    json!({
        "access_token": issued.access_token,
        "refresh_token": issued.refresh_token,
        "expires_in": issued.expires_in,
        "token_type": "Bearer",
    })
}
