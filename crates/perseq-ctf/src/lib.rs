#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod chrome;
mod directory;
mod error;
mod metadata;
mod packet;
pub mod payload;
pub mod print;
mod reader;
mod side;
mod types;
mod validate;
mod writer;

pub use directory::Directory;
pub use error::Error;
pub use metadata::{Version, metadata};
pub use reader::{Event, Events, Packet, Packets, Trace};
pub use types::{
    ByteOrder, Clock, Enumeration, EventType, Field, Kind, Level, Setting, Text, TraceType, Uuid,
};
pub use validate::{InvalidType, Problem};
pub use writer::{Output, StreamWriter, WriteError};

#[doc(hidden)]
pub use reader::read_from_memory;

/// For fuzzing: the types, as [`read_from_memory`] takes them.
#[doc(hidden)]
#[must_use]
pub fn types_to_json(types: &TraceType) -> String {
    side::to_json(types)
}
