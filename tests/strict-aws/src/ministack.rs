//! MiniStack, the stand-in for AWS: a client that speaks to one as its root user, and its process.
//!
//! MiniStack authenticates every request (`AUTH=true`), authorises what it answers itself, deploys the stack, stores
//! the functions' code and runs them. What it gets wrong about Secrets Manager and EventBridge
//! Scheduler is answered in front of it, by the gateway.

mod client;
mod error;
mod iam;
mod lambda;
mod logs;
mod xml;

pub use client::{ACCOUNT_ID, Client, REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY};
pub use iam::{Context, ExecutionCredentials, Principal};
pub use lambda::{Invocation, InvocationType};
