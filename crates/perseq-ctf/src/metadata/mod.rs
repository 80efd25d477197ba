//! The file `metadata`: what a reader must know of a trace, in a language of the format.

mod json;
mod tsdl;

use crate::types::{Text, TraceType, Uuid};
use crate::validate::InvalidType;

/// The version of the Common Trace Format that `metadata` is written in. The streams are the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// CTF 1.8, in the language TSDL: what all readers know.
    #[default]
    V1_8,
    /// CTF 2, in JSON: what babeltrace2 knows since version 2.1.
    V2,
}

/// The text of the file `metadata`.
///
/// # Errors
/// If the type is invalid.
pub fn metadata(types: &TraceType, version: Version) -> Result<String, InvalidType> {
    types.validate()?;
    Ok(match version {
        Version::V1_8 => tsdl::metadata(types),
        Version::V2 => json::metadata(types),
    })
}

/// A UUID as text.
fn hyphenated(uuid: &Uuid) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in uuid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// The file and the line that record an event, as both languages have it: `model.emf.uri`, or `emf-uri`.
fn uri((file, line): &(Text, u32)) -> String {
    format!("file:{file}#{line}")
}
