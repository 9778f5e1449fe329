//! What every stand-in has: the log of what happened, the faults that a test asks for, and the time that tests wait.

pub mod events;
mod fault;
pub mod patience;

pub use fault::Fault;
