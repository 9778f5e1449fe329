//! Addresses that a login may be sent to, and why a document has nothing done with a login that is not its own.

mod address;
mod error;

pub(crate) use address::{Place, Served};
pub use error::AuthorityError;
