//! A file that may hold secrets.

use std::io::Read as _;
use std::path::Path;

use secrecy::SecretString;

use crate::OperatorError;

/// Reads the file, or standard input for `-`; its name.
pub(crate) fn read(file: &Path) -> Result<(String, SecretString), OperatorError> {
    let name = file.display().to_string();
    let mut text = String::new();
    let result = if name == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    match result {
        Ok(()) => Ok((name, text.into())),
        Err(error) => Err(OperatorError::File {
            name,
            problem: error.to_string(),
        }),
    }
}
