//! What a value leaves behind where it was: itself, escaped, encoded, hashed as the databases do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::password::md5;
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use std::fmt::Write as _;

use super::server::{NONCE, SALT};

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
    let bytes = value.as_bytes();
    let mut traces: Vec<(&'static str, Vec<u8>)> = vec![
        ("as it is", bytes.to_vec()),
        ("reversed", bytes.iter().rev().copied().collect()),
        (
            "in UTF-16",
            value.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        (
            "percent-encoded",
            utf8_percent_encode(value, NON_ALPHANUMERIC)
                .to_string()
                .into(),
        ),
        // As PostgreSQL stores it, and as it is sent.
        ("as MD5", md5(bytes, user)[3..].into()),
        (
            "as salted MD5",
            md5_hash(user.as_bytes(), bytes, SALT)[3..].into(),
        ),
    ];
    // Whatever stands before it: Basic's user, for one.
    for before in 0..3 {
        let text = STANDARD_NO_PAD.encode([&vec![b'-'; before][..], bytes].concat());
        // The first characters are of what stands before, the last one of what comes after.
        let inner = &text[(before * 8).div_ceil(6)..text.len() - 1];
        traces.push(("in Base64", inner.into()));
        traces.push((
            "in Base64 for URLs",
            inner.replace('+', "-").replace('/', "_").into(),
        ));
    }
    for (form, algorithm) in [
        ("as SHA-1", &SHA1_FOR_LEGACY_USE_ONLY),
        ("as SHA-256", &SHA256),
    ] {
        let once = digest(algorithm, bytes);
        // What `mysql_native_password` and `caching_sha2_password` store.
        let twice = digest(algorithm, once.as_ref());
        for sum in [once, twice] {
            traces.push((form, sum.as_ref().to_vec()));
            traces.push((form, hex(sum.as_ref()).into()));
            traces.push((form, STANDARD_NO_PAD.encode(sum.as_ref()).into()));
        }
    }
    traces.push(("in hexadecimal digits", hex(bytes).into()));
    traces
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

#[test]
fn a_value_is_found_in_every_form_that_it_may_have() {
    let value = "p+ss/w0rd & more";
    let sent = md5_hash(b"u", value.as_bytes(), SALT);
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("user:{value}"));
    for text in [
        format!("to {value}!"),
        format!("Basic {basic}"),
        "p%2Bss%2Fw0rd%20%26%20more".to_owned(),
        sent,
        "702b73732F77".to_owned() + "30726420262 06d6f7265".replace(' ', "").as_str(),
    ] {
        let found = of("u", value);
        let found = found
            .iter()
            .find(|(_, trace)| holds(text.as_bytes(), trace));
        assert!(found.is_some(), "{text}");
    }
    assert_none("elsewhere", b"p+ss/w0rd and more, user u", "u", value);
}
