//! Which secrets are listed.

use aws_sdk_secretsmanager::types::SortOrderType;

use super::Secret;
use crate::ids::SecretArn;

/// Which of the secrets of a stack are listed, and from which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// What the names of its rotating secrets begin with.
    pub prefix: &'a str,
    /// Which come first.
    pub order: Order,
    /// Whether those marked for deletion are among them.
    pub with_deleted: bool,
}

impl Listing<'_> {
    /// Whether the secret is the stack's by name, tag and rotation function. Anybody may tag a secret of his own
    /// so. One that names no function is: its rotation may have been switched off.
    pub(super) fn has(&self, arn: &SecretArn, secret: &Secret) -> bool {
        secret.name.starts_with(self.prefix)
            && secret.is_of_stack(self.stack)
            && secret.is_rotated_by(self.stack, arn) != Some(false)
    }
}

/// From which end secrets are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Those made first.
    OldestFirst,
    /// Those made last.
    NewestFirst,
}

impl From<Order> for SortOrderType {
    fn from(order: Order) -> Self {
        match order {
            Order::OldestFirst => Self::Asc,
            Order::NewestFirst => Self::Desc,
        }
    }
}
