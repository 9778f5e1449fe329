//! How secrets go, and come back.

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::Model;
use super::describe::{named, seconds};
use crate::secrets_manager::error::ServiceError;
use crate::secrets_manager::request::DeleteSecret;

impl Model {
    /// One more call about a secret that was deleted by force: at last it is gone.
    pub(crate) fn outlive(&mut self, id: &str) {
        let Ok(secret) = self.find_mut(id) else {
            return;
        };
        match &mut secret.lingers {
            None => {}
            Some(0) => {
                let name = secret.name.clone();
                self.forget(&name);
            }
            Some(calls) => *calls -= 1,
        }
    }

    pub(crate) fn delete(
        &mut self,
        request: &DeleteSecret,
        now: Timestamp,
    ) -> Result<Value, ServiceError> {
        let days = match (
            request.recovery_window_in_days,
            request.force_delete_without_recovery,
        ) {
            (Some(_), true) => {
                return Err(ServiceError::invalid_parameter(
                    "You can't use ForceDeleteWithoutRecovery in conjunction with \
                     RecoveryWindowInDays.",
                ));
            }
            (Some(days), false) if !(7..=30).contains(&days) => {
                return Err(ServiceError::invalid_parameter(
                    "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
                ));
            }
            (days, false) => days.unwrap_or(30),
            (None, true) => 0,
        };
        let date = now
            .checked_add((days * 24).hours())
            .map_err(|error| ServiceError::internal(error.to_string()))?;
        let lingering = self.untidy.lingering;
        let mut answer = match self.find_mut(&request.secret_id) {
            Ok(secret) => {
                if !request.force_delete_without_recovery {
                    secret.check_not_deleted()?;
                } else if lingering > 0 {
                    secret.lingers = secret.lingers.or(Some(lingering));
                }
                secret.deleted = Some(date);
                secret.rotation.pending = None;
                named(secret)
            }
            // Deleting by force what is not there is a success.
            Err(_) if request.force_delete_without_recovery => {
                json!({ "ARN": request.secret_id, "Name": request.secret_id })
            }
            Err(error) => return Err(error),
        };
        if request.force_delete_without_recovery
            && lingering == 0
            && let Some(name) = answer["Name"].as_str()
        {
            self.secrets.remove(name);
        }
        answer["DeletionDate"] = seconds(date);
        Ok(answer)
    }

    pub(crate) fn restore(&mut self, id: &str) -> Result<Value, ServiceError> {
        let secret = self.find_mut(id)?;
        if secret.lingers.is_some() {
            return Err(ServiceError::secret_not_found());
        }
        secret.deleted = None;
        Ok(named(secret))
    }
}
