//! What every stand-in has: a server, the faults that a test asks for, the record of what was asked, the log of what
//! happened, and the time that tests wait.

#![allow(clippy::must_use_candidate)]

use std::sync::{Mutex, MutexGuard, PoisonError};

pub mod events;
mod faults;
pub mod patience;
mod server;

/// What a mutex guards, whoever may have panicked before.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub use faults::{ConnectionDropped, Fault, FaultRule, FrontDesk, RequestRecord};
pub use server::{LoopbackServer, listen};
