//! What a trace may be made of: names that metadata can hold, and a clock whose times are times.
//!
//! Fields are written with an underscore before their name, as LTTng does it and readers know, so that no keyword is in the way.
//! Names of the environment and of the clock have none, so a keyword is an error there.

use std::collections::HashSet;
use std::{error, fmt};

use crate::types::{Clock, Enumeration, EventType, Field, Kind, Setting, TraceType};

/// The most bytes of a name.
const LONGEST_NAME: usize = 255;

/// The most fields of an event, and values of an enumeration, which are looked through one by one.
const MOST_FIELDS: usize = 1024;
const MOST_VALUES: usize = 4096;

/// What readers take for texts in the environment; `vpid` they take for an integer. They do not look whether it is.
const TEXTS: [&str; 3] = ["domain", "hostname", "procname"];

/// Words that have a meaning in metadata.
const KEYWORDS: [&str; 28] = [
    "align",
    "callsite",
    "char",
    "clock",
    "const",
    "double",
    "enum",
    "env",
    "event",
    "float",
    "floating_point",
    "int",
    "integer",
    "long",
    "short",
    "signed",
    "stream",
    "string",
    "struct",
    "trace",
    "typealias",
    "typedef",
    "unsigned",
    "variant",
    "void",
    "_Bool",
    "_Complex",
    "_Imaginary",
];

/// Why a [`TraceType`] cannot be written: what is wrong, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidType {
    what: String,
    problem: Problem,
}

/// What is wrong with a part of a [`TraceType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A name must be an identifier of C of at most 255 bytes.
    NotIdentifier,
    /// A name of the environment or the clock is a keyword of metadata.
    Keyword,
    /// `vpid` in the environment is an integer; `domain`, `hostname` and `procname` are texts.
    Setting,
    /// The names of events and of values of enumerations have from 1 to 255 bytes.
    NameLength,
    /// Names and texts have no NUL, and names no other control characters.
    ControlCharacter,
    /// Another has the same name, or, among fields, one with an underscore before it: some readers take these for the same.
    Duplicate,
    /// There are at most 1024 fields, and 4096 values of an enumeration.
    TooMany,
    /// An enumeration's integer has 1, 2, 4 or 8 bytes.
    EnumSize,
    /// An enumeration must name a value.
    EnumEmpty,
    /// A value is not one of the integer, or has two names.
    EnumValue,
    /// A clock has a frequency above 0.
    Frequency,
    /// A clock's offset in cycles is less than a second, and an `i64` holds its offset in nanoseconds.
    Offset,
}

impl InvalidType {
    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> Problem {
        self.problem
    }
}

impl fmt::Display for InvalidType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        f.write_str(match self.problem {
            Problem::NotIdentifier => {
                ": not an identifier (letters, digits and underscores of ASCII, no digit first, at most 255)"
            }
            Problem::Keyword => ": a keyword of the Common Trace Format",
            Problem::Setting => ": readers know this name with a value of the other kind",
            Problem::NameLength => ": a name has from 1 to 255 bytes",
            Problem::ControlCharacter => ": contains a control character",
            Problem::Duplicate => {
                ": there are two of that name, or of one that differs by the underscore before it"
            }
            Problem::TooMany => ": more than 1024 fields, or 4096 values of an enumeration",
            Problem::EnumSize => ": the integer of an enumeration has 1, 2, 4 or 8 bytes",
            Problem::EnumEmpty => ": an enumeration without values",
            Problem::EnumValue => ": a value that the integer does not have, or that has two names",
            Problem::Frequency => ": the frequency is 0",
            Problem::Offset => {
                ": the offset in cycles is a second or more, or the whole offset is out of range"
            }
        })
    }
}

impl error::Error for InvalidType {}

fn invalid<T>(what: impl fmt::Display, problem: Problem) -> Result<T, InvalidType> {
    Err(InvalidType { what: what.to_string(), problem })
}

impl TraceType {
    /// Whether this can be written.
    ///
    /// # Errors
    /// Says the first thing that is wrong, if any is.
    pub fn validate(&self) -> Result<(), InvalidType> {
        clock(&self.clock)?;
        let mut names = HashSet::new();
        for (name, value) in &self.environment {
            let what = format_args!("environment {name:?}").to_string();
            identifier(name, &what)?;
            unreserved(name, &what)?;
            match value {
                Setting::Text(text) if text.contains('\0') => {
                    return invalid(what, Problem::ControlCharacter);
                }
                Setting::Text(_) if name == "vpid" => return invalid(what, Problem::Setting),
                Setting::Integer(_) if TEXTS.contains(&&**name) => return invalid(what, Problem::Setting),
                _ => {}
            }
            if !names.insert(name) {
                return invalid(what, Problem::Duplicate);
            }
        }
        fields(&self.context, "context")?;
        self.events.iter().try_for_each(EventType::validate)
    }
}

impl EventType {
    /// Whether this can be a type of a trace.
    ///
    /// # Errors
    /// Says the first thing that is wrong, if any is.
    pub fn validate(&self) -> Result<(), InvalidType> {
        name(&self.provider, "provider")?;
        name(&self.name, "event")?;
        if let Some((file, _)) = &self.source
            && file.contains(char::is_control)
        {
            return invalid(format_args!("source {file:?}"), Problem::ControlCharacter);
        }
        fields(&self.fields, self.full_name())
    }
}

fn clock(clock: &Clock) -> Result<(), InvalidType> {
    let what = format!("clock {:?}", clock.name);
    identifier(&clock.name, &what)?;
    unreserved(&clock.name, &what)?;
    if clock.description.contains('\0') {
        return invalid(what, Problem::ControlCharacter);
    }
    if clock.frequency == 0 {
        return invalid(what, Problem::Frequency);
    }
    if clock.offset_cycles >= clock.frequency || clock.unix_ns(0).is_none() {
        return invalid(what, Problem::Offset);
    }
    Ok(())
}

fn fields(fields: &[Field], of: impl fmt::Display) -> Result<(), InvalidType> {
    if fields.len() > MOST_FIELDS {
        return invalid(of, Problem::TooMany);
    }
    let mut names = HashSet::new();
    for field in fields {
        let what = format!("field {:?} of {of}", field.name);
        identifier(&field.name, &what)?;
        for name in length_name(field, fields).into_iter().chain([field.name.to_string()]) {
            let shorter = name.strip_prefix('_').is_some_and(|name| names.contains(name));
            if shorter || names.contains(&format!("_{name}")) || !names.insert(name) {
                return invalid(what, Problem::Duplicate);
            }
        }
        if let Kind::Enum(enumeration) = &field.kind {
            values(enumeration, what)?;
        }
    }
    Ok(())
}

fn values(enumeration: &Enumeration, what: String) -> Result<(), InvalidType> {
    if ![1, 2, 4, 8].contains(&enumeration.size) {
        return invalid(what, Problem::EnumSize);
    }
    if enumeration.values.len() > MOST_VALUES {
        return invalid(what, Problem::TooMany);
    }
    if enumeration.values.is_empty() {
        return invalid(what, Problem::EnumEmpty);
    }
    let (mut labels, mut values) = (HashSet::new(), HashSet::new());
    for (label, value) in enumeration.values.iter() {
        name(label, "value")?;
        if !labels.insert(label) {
            return invalid(format_args!("{what}: value {label:?}"), Problem::Duplicate);
        }
        if !enumeration.holds((*value).into()) || !values.insert(value) {
            return invalid(format_args!("{what}: {label:?} = {value}"), Problem::EnumValue);
        }
    }
    Ok(())
}

/// The name of the field with the length of another, if it has one: `_x_length` for `x`. Where a field of the event has nearly
/// that name there are more underscores, since babeltrace2 takes `_y` for `y` if it comes first.
pub(crate) fn length_name(field: &Field, fields: &[Field]) -> Option<String> {
    if field.kind.fixed_size().is_some() {
        return None;
    }
    let mut name = format!("_{}_length", field.name);
    let taken = |name: &str| {
        fields.iter().any(|field| {
            let other = &*field.name;
            name == other || name.strip_prefix('_') == Some(other) || other.strip_prefix('_') == Some(name)
        })
    };
    // Each field is in the way of three names at most.
    while taken(&name) {
        name.insert(0, '_');
    }
    Some(name)
}

fn name(name: &str, of: &str) -> Result<(), InvalidType> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return invalid(format_args!("{of} {name:?}"), Problem::NameLength);
    }
    if name.contains(char::is_control) {
        return invalid(format_args!("{of} {name:?}"), Problem::ControlCharacter);
    }
    Ok(())
}

fn identifier(name: &str, what: &str) -> Result<(), InvalidType> {
    let first = name.bytes().next().is_some_and(|byte| byte == b'_' || byte.is_ascii_alphabetic());
    let rest = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if first && rest && name.len() <= LONGEST_NAME { Ok(()) } else { invalid(what, Problem::NotIdentifier) }
}

fn unreserved(name: &str, what: &str) -> Result<(), InvalidType> {
    if KEYWORDS.contains(&name) { invalid(what, Problem::Keyword) } else { Ok(()) }
}
