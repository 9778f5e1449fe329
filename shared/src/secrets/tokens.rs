//! Where Heroku's refresh tokens are kept: one secret per instance.

use secrecy::ExposeSecret as _;

use super::Secrets;
use crate::aws::{AwsError, call};
use crate::deadline::Deadline;
use crate::fields::Fields;
use crate::heroku::{TokenFuture, TokenStore};
use crate::ids::SecretArn;

impl TokenStore for Secrets {
    fn read<'a>(&'a self, secret: &'a SecretArn, deadline: Deadline) -> TokenFuture<'a, Fields> {
        Box::pin(async move {
            let value = self.current(secret, deadline).await?;
            value
                .and_then(|value| Fields::parse(value.expose_secret()))
                .ok_or_else(|| {
                    let message = "the value is not a JSON object with a refresh_token";
                    AwsError::new(
                        "secretsmanager:GetSecretValue",
                        secret,
                        "NotAnObject",
                        message,
                        false,
                    )
                })
        })
    }

    fn write<'a>(
        &'a self,
        secret: &'a SecretArn,
        fields: Fields,
        deadline: Deadline,
    ) -> TokenFuture<'a, ()> {
        Box::pin(async move {
            let value = fields.to_secret();
            let request = self
                .client
                .put_secret_value()
                .secret_id(secret.as_str())
                .secret_string(value.expose_secret());
            call(
                "secretsmanager:PutSecretValue",
                secret,
                deadline,
                Box::pin(request.send()),
            )
            .await
            .map(drop)
        })
    }
}
