//! An adversary: servers that ask for more than they are due, and documents that name them.
//!
//! The servers are on loopback, let everybody in, and remember every byte that they are given, inside of TLS.
//! What no secret's value may be found in is what they heard.

mod documents;
mod impatience;
mod methods;
mod plain_text;
pub(crate) mod server;
mod traces;
