//! An earlier version of this project has kept each refresh token in a secret of its own, for $0.40 a month.

use super::{EnrollAddon, EnrollOutcome, Enrolled};
use crate::Error;
use crate::deadline::Deadline;
use crate::document::Api;
use crate::error::{EnrollError, Problem};
use crate::secrets::Deletion;

/// The secret can be restored for so long: somebody may have to go back to the earlier version.
const RECOVERY_WINDOW_DAYS: u8 = 30;

impl EnrollAddon {
    /// Puts an enrolled instance's refresh token into the table, and then deletes the secret that held it. The functions
    /// read either, so that there is no moment without one. It can be repeated from any point of failure.
    pub(super) async fn move_token(
        &self,
        addon: &str,
        deadline: Deadline,
    ) -> Result<Enrolled, Error> {
        let refused = |problems| EnrollError::refused(addon, problems);
        let name = self.fleet.names.secret_of(addon);
        let Some((secret, described)) = self.secrets.find(&name, deadline).await? else {
            let problem = format!("There is no secret {name}. → Check the add-on's id");
            return Err(refused(vec![Problem::lasting(problem)]).into());
        };
        let foreign = self.foreign(&secret, &described);
        if !foreign.is_empty() {
            return Err(refused(foreign).into());
        }
        let Some(version) = described.current() else {
            let problem = Problem::without_current(&secret);
            return Err(refused(vec![problem]).into());
        };
        let names = &self.fleet.names;
        let document = self.secrets.document(names, &secret, &version, deadline);
        let document = document.await?;
        let mut outcome = EnrollOutcome::Unchanged;
        if let Api::V3 { oauth: Some(oauth) } = &document.heroku.api
            && let Some((oauth, held)) = self.secrets.find(oauth.as_str(), deadline).await?
            && !held.deleted
        {
            let known = self.tokens.read_both(&document.heroku, deadline).await?;
            if let Some(token) = known.unmoved() {
                self.tokens.keep(addon, token, &known, deadline).await?;
            }
            let window = Deletion::Recoverable(RECOVERY_WINDOW_DAYS);
            self.secrets.delete(&oauth, window, deadline).await?;
            outcome = EnrollOutcome::Completed;
        }
        Ok(Enrolled {
            secret_arn: secret,
            version_id: version,
            schedule_expression: described.schedule_expression.unwrap_or_default(),
            outcome,
        })
    }
}
