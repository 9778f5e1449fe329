//! What the server stores in place of a password, so that no statement, and with it no general or
//! binary log, ever holds the password itself.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use aws_smithy_types::base64;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA512};

/// What [`Plugin::CachingSha2`] hashes with: 5 × 1000 rounds, the default of MySQL 8.
const ROUNDS: u32 = 5000;

/// The server takes a salt of this length only.
const SALT_LENGTH: usize = 20;

/// The [authentication plugins](https://dev.mysql.com/doc/refman/8.4/en/authentication-plugins.html)
/// that a new user can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plugin {
    /// `mysql_native_password`: MariaDB's default. Its hash knows neither salt nor rounds, which a
    /// random password of 238 bits does not need.
    Native,
    /// `caching_sha2_password`: MySQL's default since 8.0.
    CachingSha2(Format),
}

/// The [formats](https://dev.mysql.com/doc/refman/9.7/en/caching-sha2-pluggable-authentication.html) in which
/// `caching_sha2_password` stores passwords. A server may ask for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The only one before MySQL 9.7, and the default.
    Crypt5,
    Pbkdf2Sha512,
}

impl Format {
    /// The format of what is stored.
    pub(super) fn of(stored: &str) -> Self {
        if stored.starts_with("$B$") {
            Self::Pbkdf2Sha512
        } else {
            Self::Crypt5
        }
    }
}

impl Plugin {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2(_) => "caching_sha2_password",
        }
    }

    /// What the server stores for `password`; the same one each time for the same user.
    pub(super) fn verifier(self, user: &str, password: &str) -> String {
        match self {
            Self::Native => native(password.as_bytes()),
            Self::CachingSha2(format) => {
                // As good as a random salt: a user's name is random, and has one password for life.
                let mut salt = hex(digest(&SHA256, user.as_bytes()).as_ref());
                salt.truncate(SALT_LENGTH);
                let (password, bytes) = (password.as_bytes(), salt.as_bytes());
                match format {
                    Format::Crypt5 => format!("$A$005${salt}{}", sha256_crypt(password, bytes)),
                    Format::Pbkdf2Sha512 => format!("$B$005${salt}{}", pbkdf2(password, bytes)),
                }
            }
        }
    }

    /// What the server stores for a user that no password lets in.
    pub(super) fn impossible(self) -> &'static str {
        match self {
            Self::Native => "*0000000000000000000000000000000000000000",
            // MySQL's own, of its users that nobody is.
            Self::CachingSha2(_) => {
                "$A$005$THISISACOMBINATIONOFINVALIDSALTANDPASSWORDTHATMUSTNEVERBRBEUSED"
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

fn native(password: &[u8]) -> String {
    let once = digest(&SHA1_FOR_LEGACY_USE_ONLY, password);
    let twice = digest(&SHA1_FOR_LEGACY_USE_ONLY, once.as_ref());
    format!("*{}", hex(twice.as_ref()))
}

fn pbkdf2(password: &[u8], salt: &[u8]) -> String {
    let mut hash = [0; 64];
    let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(PBKDF2_HMAC_SHA512, rounds, salt, password, &mut hash);
    base64::encode(hash)
}

/// [SHA-crypt](https://www.akkadia.org/drepper/SHA-crypt.txt) with SHA-256. The crates for it cut
/// salts off at 16 bytes, as the standard does; MySQL's are longer.
fn sha256_crypt(password: &[u8], salt: &[u8]) -> String {
    let sum = |parts: &[&[u8]]| {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        context.finish()
    };
    let stretched = |bytes: &[u8], length: usize| -> Vec<u8> {
        bytes.iter().copied().cycle().take(length).collect()
    };

    let inner = sum(&[password, salt, password]);
    let mut context = Context::new(&SHA256);
    context.update(password);
    context.update(salt);
    context.update(&stretched(inner.as_ref(), password.len()));
    let mut bits = password.len();
    while bits > 0 {
        context.update(if bits & 1 == 1 {
            inner.as_ref()
        } else {
            password
        });
        bits >>= 1;
    }
    let mut state = context.finish();

    let password_sum = sum(&vec![password; password.len()]);
    let salt_sum = sum(&vec![salt; 16 + usize::from(state.as_ref()[0])]);
    let password = stretched(password_sum.as_ref(), password.len());
    let salt = stretched(salt_sum.as_ref(), salt.len());
    for round in 0..ROUNDS {
        let odd = round % 2 == 1;
        let mut context = Context::new(&SHA256);
        context.update(if odd { &password } else { state.as_ref() });
        if round % 3 != 0 {
            context.update(&salt);
        }
        if round % 7 != 0 {
            context.update(&password);
        }
        context.update(if odd { state.as_ref() } else { &password });
        state = context.finish();
    }
    crypts_base64(state.as_ref())
}

/// SHA-crypt's own Base64: its alphabet, its order of bytes, its order of bits.
fn crypts_base64(sum: &[u8]) -> String {
    const ALPHABET: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::new();
    let mut push = |mut bits: usize, length: usize| {
        for _ in 0..length {
            text.push(char::from(ALPHABET[bits & 63]));
            bits >>= 6;
        }
    };
    let byte = |index: usize| usize::from(sum[index]);
    let mut index = 0;
    for _ in 0..10 {
        let (second, third) = ((index + 10) % 30, (index + 20) % 30);
        push(byte(index) << 16 | byte(second) << 8 | byte(third), 4);
        index = (index + 21) % 30;
    }
    push(byte(31) << 8 | byte(30), 3);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRYPT5: Plugin = Plugin::CachingSha2(Format::Crypt5);

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn a_native_verifier_is_what_the_server_makes_of_the_password() {
        // SELECT PASSWORD('pw')
        let verifier = Plugin::Native.verifier("any", "pw");
        assert_eq!(verifier, "*D821809F681A40A6E379B50D0463EFAE20BDD122");
    }

    #[test]
    fn sha_crypt_is_as_its_author_specifies_it() {
        let hash = sha256_crypt(b"Hello world!", b"saltstring");
        assert_eq!(hash, "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
    }

    #[test]
    fn a_sha2_verifier_is_what_mysql_makes_of_the_password() {
        // HEX(authentication_string), as MySQL 8 stored them.
        for (password, stored) in [
            (
                "foobar",
                "24412430303524031A69251C34295C4B35167C7F1E5A7B63091349503974624D34504B5A424679354856336868686F52485A736E4A733368786E427575516C73446469496537",
            ),
            (
                "testpassword123",
                "24412430303524393D02673221785B414A4E5F02073711301659116B446B76753345617A4D7530635548526D3678746F6B75564835553334346932572E332F704C4856477131",
            ),
        ] {
            let stored = bytes(stored);
            let (salt, hash) = stored[7..].split_at(SALT_LENGTH);
            assert_eq!(sha256_crypt(password.as_bytes(), salt).as_bytes(), hash);
        }
    }

    #[test]
    fn a_sha2_verifier_has_the_form_that_the_server_takes() {
        let verifier = CRYPT5.verifier("u_1", "pw");
        assert_eq!(verifier.len(), 70);
        assert!(verifier.starts_with("$A$005$"));
        assert!(!verifier[7..].contains('$'));
        assert_eq!(verifier, CRYPT5.verifier("u_1", "pw"));
        assert_ne!(verifier, CRYPT5.verifier("u_2", "pw"));
        assert_eq!(CRYPT5.impossible().len(), verifier.len());
        let verifier = Plugin::CachingSha2(Format::Pbkdf2Sha512).verifier("u_1", "pw");
        assert_eq!(verifier.len(), 115);
        assert!(verifier.starts_with("$B$005$"));
        assert_eq!(Format::of(&verifier), Format::Pbkdf2Sha512);
        assert_eq!(Plugin::Native.impossible().len(), 41);
    }
}
