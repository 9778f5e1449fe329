//! The project's developer tasks, called as `cargo xtask`.
fn main() {}
