//! What came of an app's logins.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

const SLICE_MILLISECONDS: i64 = 250;

/// How finely a [`Tally`] tells when logins ended.
pub const SLICE: SignedDuration = SignedDuration::from_millis(SLICE_MILLISECONDS);

/// The logins of an app. The texts name the app, the dyno, its release and what the service
/// said, and hold no secret value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub accepted: u64,
    /// Logins that the service refused although a dyno still ran with the credential.
    pub refused: u64,
    /// Logins that were refused, but by the time of the answer no dyno of the app ran with the
    /// credential any more. With a sound grace period there are none: a credential ends long
    /// after the last dyno has let go of it.
    pub overtaken: u64,
    /// Logins that came to nothing for another reason: the service was down or too slow.
    pub errors: u64,
    /// Times that a dyno had no such config var to log in with.
    pub missing: u64,
    pub first_refusal: Option<String>,
    pub first_error: Option<String>,
    /// Of the accepted ones, each dyno's.
    pub dynos: BTreeMap<String, u64>,
    /// The logins by the release that the dyno ran with.
    pub generations: BTreeMap<u32, GenerationTally>,
    /// The logins by the [`SLICE`] of time in which they ended, which is named by its beginning.
    pub slices: BTreeMap<Timestamp, SliceTally>,
}

/// The logins of dynos that run with one release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GenerationTally {
    pub accepted: u64,
    pub refused: u64,
}

/// The logins that ended in one slice of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SliceTally {
    pub accepted: u32,
    /// Logins that came to nothing, for whatever reason.
    pub lost: u32,
}

impl Tally {
    pub(super) fn accept(&mut self, dyno: &str, release: u32) {
        self.accepted += 1;
        *self.dynos.entry(dyno.to_owned()).or_default() += 1;
        self.generations.entry(release).or_default().accepted += 1;
        self.slice(Timestamp::now()).accepted += 1;
    }

    pub(super) fn refuse(&mut self, release: u32, text: String) {
        self.refused += 1;
        self.first_refusal.get_or_insert(text);
        self.generations.entry(release).or_default().refused += 1;
        self.lose();
    }

    pub(super) fn overtake(&mut self) {
        self.overtaken += 1;
        self.lose();
    }

    pub(super) fn fail(&mut self, text: String) {
        self.errors += 1;
        self.first_error.get_or_insert(text);
        self.lose();
    }

    pub(super) fn miss(&mut self) {
        self.missing += 1;
        self.lose();
    }

    fn lose(&mut self) {
        self.slice(Timestamp::now()).lost += 1;
    }

    fn slice(&mut self, at: Timestamp) -> &mut SliceTally {
        self.slices.entry(slice_of(at)).or_default()
    }
}

/// When the slice of time began that `at` is in.
fn slice_of(at: Timestamp) -> Timestamp {
    let milliseconds = at.as_millisecond();
    let into = milliseconds.rem_euclid(SLICE_MILLISECONDS);
    Timestamp::from_millisecond(milliseconds - into).unwrap_or(at)
}
