//! Logging in to a server, and why it came to nothing.

use super::Outcome;

pub(super) enum Problem {
    /// The server says that this user may not.
    Refused(String),
    /// The server ended the session, by an administrator's hand or by stopping.
    Ended,
    Other(String),
}

impl Problem {
    pub(super) fn not_a_url(scheme: &str) -> Self {
        Self::Other(format!("the config var is no {scheme}:// URL"))
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Refused(text) => Self::Refused(text),
            Problem::Ended => Self::Failed("the server ended the session".to_owned()),
            Problem::Other(text) => Self::Failed(text),
        }
    }
}

/// What an app says to its database. Each is one line and answers at most one number.
pub(super) trait Statements: Send + Sync {
    /// The first login with each release does what an app's migrations do. It is answered with nothing.
    fn migration(&self, release: u32) -> Vec<String>;

    /// What every login does. It is answered with one number.
    fn login(&self, release: u32) -> Vec<String>;
}

/// One dyno's way into a server.
pub(super) trait LogIn: Send {
    /// Logs in, or goes on with the session of this release.
    fn try_once(
        &mut self,
        release: u32,
        value: &str,
    ) -> impl Future<Output = Result<(), Problem>> + Send;

    /// What comes of it. Whether the credential has ended with its session is known by trying it
    /// again.
    fn log_in(&mut self, release: u32, value: &str) -> impl Future<Output = Outcome> + Send {
        async move {
            match self.try_once(release, value).await {
                Ok(()) => Outcome::Accepted,
                Err(Problem::Ended) => match self.try_once(release, value).await {
                    Ok(()) => Problem::Ended.into(),
                    Err(problem) => problem.into(),
                },
                Err(problem) => problem.into(),
            }
        }
    }
}
