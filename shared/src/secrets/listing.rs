//! Which secrets are listed.

use aws_sdk_secretsmanager::types::SortOrderType;

/// Which of the secrets of a stack are listed, and from which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// Which come first.
    pub order: Order,
    /// Whether those marked for deletion are among them.
    pub with_deleted: bool,
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
