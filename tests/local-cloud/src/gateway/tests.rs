//! The gateway in front of a MiniStack: one of paper, and the real one.

mod ministack;
mod paper;
