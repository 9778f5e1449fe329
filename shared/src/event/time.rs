//! When a try of a revocation was scheduled.

use std::str::FromStr;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Serialize, Serializer};

/// When a try of a revocation was scheduled: of two tries the later one knows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScheduledAt(DateTime);

impl ScheduledAt {
    /// Now, by this machine's clock, to the microsecond: no more is written.
    #[must_use]
    pub fn now() -> Self {
        let now = DateTime::from(SystemTime::now());
        let nanos = now.subsec_nanos();
        Self(DateTime::from_secs_and_nanos(
            now.secs(),
            nanos - nanos % 1_000,
        ))
    }

    /// The moment.
    #[must_use]
    pub fn time(self) -> SystemTime {
        SystemTime::try_from(self.0).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl FromStr for ScheduledAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match DateTime::from_str(text, Format::DateTime) {
            Ok(time) => Ok(Self(time)),
            Err(_) => Err("must be a time in UTC as in 2026-11-23T05:12:39.25Z"),
        }
    }
}

impl Serialize for ScheduledAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.fmt(Format::DateTime);
        serializer.serialize_str(&text.map_err(serde::ser::Error::custom)?)
    }
}
