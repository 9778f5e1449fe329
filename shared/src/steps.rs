//! The steps of a rotation, one per function: what each does, in what order, and why that order is
//! safe at every point of failure.

mod create_secret;
mod finish_secret;
mod possession;
mod publish_to_heroku;
mod revoke_secret;
mod rotate;
mod test_secret;

pub use create_secret::{CreateSecret, Created};
pub use finish_secret::{FinishSecret, Scheduled};
pub use publish_to_heroku::PublishToHeroku;
pub use revoke_secret::{Revocation, RevokeSecret, SCHEDULING};
pub use rotate::Rotate;
pub use test_secret::{LeftBehind, TestSecret};

use crate::error::StepError;
