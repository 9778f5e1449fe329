//! What a value leaves behind where it was: itself, escaped, encoded, hashed as the databases do.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postgres_protocol::authentication::md5_hash;
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use super::server::NONCE;

/// Fails if the bytes hold a trace of the value, which is `user`'s.
pub(super) fn assert_none(what: &str, bytes: &[u8], user: &str, value: &str) {
    for (form, trace) in of(user, value) {
        assert!(
            !holds(bytes, &trace),
            "{what}: the value of {user} is there, {form}: {}",
            String::from_utf8_lossy(bytes)
        );
    }
}

/// Whether the bytes hold these, in whatever case.
pub(super) fn holds(bytes: &[u8], trace: &[u8]) -> bool {
    bytes
        .windows(trace.len())
        .any(|window| window.eq_ignore_ascii_case(trace))
}

/// What the server of `mysql_native_password` and `caching_sha2_password` sees of a password in every login.
pub(super) fn mysql_proofs(value: &str) -> [Vec<u8>; 2] {
    let native = scrambled(&SHA1_FOR_LEGACY_USE_ONLY, value, |nonce, twice| {
        [nonce, twice].concat()
    });
    let sha2 = scrambled(&SHA256, value, |nonce, twice| [twice, nonce].concat());
    [native, sha2]
}

fn scrambled(
    algorithm: &'static Algorithm,
    value: &str,
    joined: impl Fn(&[u8], &[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let once = digest(algorithm, value.as_bytes());
    let twice = digest(algorithm, once.as_ref());
    let mask = digest(algorithm, &joined(&NONCE, twice.as_ref()));
    let pairs = once.as_ref().iter().zip(mask.as_ref());
    pairs.map(|(one, other)| one ^ other).collect()
}

fn of(user: &str, value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut traces = vec![
        ("as it is", value.as_bytes().to_vec()),
        ("reversed", value.bytes().rev().collect()),
        ("in UTF-16", value.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("percent-encoded", utf8_percent_encode(value, NON_ALPHANUMERIC).to_string().into()),
        ("in JSON", serde_json::json!(value).to_string().trim_matches('"').into()),
        // `md5…`, as it is stored and as it is sent for the salt of the server here.
        ("MD5", md5_hash(value.as_bytes(), user.as_bytes(), *b"").into()),
    ];
    traces
}
