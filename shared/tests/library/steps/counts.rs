//! What a clean rotation asks: requests to AWS, the invocation counted as one of them, and to Heroku, tokens
//! included. `tests/fleet` counts on the same figures.

/// Of one step, to AWS and to Heroku.
pub(crate) type Requests = (usize, usize);

/// createSecret, setSecret, testSecret, finishSecret and the revocation, by v1.
pub(crate) const V1: [Requests; 5] = [(7, 0), (4, 2), (4, 1), (5, 0), (8, 1)];

/// The same by v3.
pub(crate) const V3: [Requests; 5] = [(7, 0), (5, 3), (5, 2), (5, 0), (9, 2)];

/// createSecret of the first rotation, which also labels the imported version and notes that it logged in.
pub(crate) const FIRST_CREATE: Requests = (10, 0);
