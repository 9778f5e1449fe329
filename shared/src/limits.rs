//! Bounds that several modules keep to.

/// The longest grace period, for the stack or for one secret: seven days.
pub const LONGEST_GRACE_PERIOD_SECONDS: u32 = 7 * 24 * 60 * 60;

/// The longest that a revocation can be held for open sessions: within a day its tries are over.
pub const LONGEST_HOLD_SECONDS: u32 = 43_200;
