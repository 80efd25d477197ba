//! Reading a trace that [`Directory`](crate::Directory) made: its events by time, over all CPUs.
//!
//! A packet of each CPU is in memory, at most 16 MiB, and nothing is read before it is asked for. The files may be anything: what
//! is wrong is an error, with which the stream it is in ends; the others go on.

mod merge;
mod stream;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::directory::{SIDE, STREAM};
use crate::error::{Error, at};
use crate::payload::Values;
use crate::side;
use crate::types::{ByteOrder, EventType, TraceType};

pub use merge::Events;
pub use stream::{Packet, Packets};

/// The most bytes that the types of a trace may take.
const MAX_TYPES: u64 = 16 << 20;

/// A trace in a folder.
#[derive(Debug)]
pub struct Trace {
    types: TraceType,
    /// By CPU.
    streams: Vec<PathBuf>,
}

impl Trace {
    /// Reads the types of a trace, and finds its streams.
    ///
    /// # Errors
    /// If the folder is no trace of ours, its types are damaged, or it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let side = path.join(SIDE);
        let mut text = Vec::new();
        match File::open(&side) {
            Ok(file) => file.take(MAX_TYPES + 1).read_to_end(&mut text).map_err(at(&side))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NoTrace(path.to_path_buf()));
            }
            Err(error) => return Err(at(&side)(error)),
        };
        if text.len() as u64 > MAX_TYPES {
            return Err(Error::Damaged(side, MAX_TYPES, "the types are too large"));
        }
        let types = types_of(&text, &side)?;
        let mut streams = Vec::new();
        for entry in fs::read_dir(path).map_err(at(path))? {
            let entry = entry.map_err(at(path))?;
            let name = entry.file_name();
            let cpu = name.to_str().and_then(|name| name.strip_prefix(STREAM)?.parse::<u32>().ok());
            // What is no file may have no end.
            let path = entry.path();
            if let Some(cpu) = cpu
                && fs::metadata(&path).map_err(at(&path))?.is_file()
            {
                streams.push((cpu, path));
            }
        }
        streams.sort();
        Ok(Self { types, streams: streams.into_iter().map(|(_, path)| path).collect() })
    }

    /// What it consists of.
    #[must_use]
    pub fn types(&self) -> &TraceType {
        &self.types
    }

    /// Its events, by time; those of the same time by CPU.
    ///
    /// # Errors
    /// If a stream cannot be opened. What is wrong with one comes in its place among the events.
    pub fn events(&self) -> Result<Events<'_>, Error> {
        Ok(Events::new(&self.types, self.packets()?))
    }

    /// Its packets, for each CPU an iterator over them, which reads only what is said before events.
    ///
    /// # Errors
    /// If a stream cannot be opened.
    pub fn packets(&self) -> Result<Vec<Packets>, Error> {
        self.streams
            .iter()
            .map(|path| {
                let file = File::open(path).map_err(at(path))?;
                Ok(Packets::new(Box::new(file), path.clone(), &self.types))
            })
            .collect()
    }
}

/// The types that a file has.
fn types_of(text: &[u8], path: &Path) -> Result<TraceType, Error> {
    let types = side::from_json(text)
        .ok_or_else(|| Error::Damaged(path.to_path_buf(), 0, "these are not the types of a trace"))?;
    types.validate()?;
    Ok(types)
}

/// For fuzzing: the events of a trace whose types and streams are in memory.
///
/// # Errors
/// If the types are damaged.
#[doc(hidden)]
pub fn read_from_memory(
    types: &[u8],
    streams: &[&[u8]],
    mut see: impl FnMut(Result<Event<'_>, Error>),
) -> Result<(), Error> {
    let types = types_of(types, Path::new(SIDE))?;
    let packets = streams.iter().map(|bytes| {
        let bytes = std::io::Cursor::new(bytes.to_vec());
        Packets::new(Box::new(bytes), PathBuf::from(STREAM), &types)
    });
    Events::new(&types, packets.collect()).for_each(&mut see);
    Ok(())
}

/// An event that was recorded.
#[derive(Clone, Debug)]
pub struct Event<'t> {
    types: &'t TraceType,
    kind: &'t EventType,
    id: u32,
    cpu: u32,
    cycles: u64,
    packet: Arc<Vec<u8>>,
    /// Where in the packet context, payload and the next event begin.
    context: usize,
    payload: usize,
    end: usize,
}

impl<'t> Event<'t> {
    /// Nanoseconds since the Unix epoch; the last that there are if an `i64` does not hold them.
    #[must_use]
    pub fn time_ns(&self) -> i64 {
        self.types.clock.unix_ns(self.cycles).unwrap_or(i64::MAX)
    }

    /// The time in cycles of the clock.
    #[must_use]
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// The CPU it was recorded on.
    #[must_use]
    pub fn cpu(&self) -> u32 {
        self.cpu
    }

    /// What it is.
    #[must_use]
    pub fn event_type(&self) -> &'t EventType {
        self.kind
    }

    /// The index of its type.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The trace it is of.
    #[must_use]
    pub fn trace_type(&self) -> &'t TraceType {
        self.types
    }

    /// What is recorded with all events. These have been checked: there is no error among them.
    pub fn context(&self) -> Values<'_> {
        Values::in_order(self.order(), &self.types.context, &self.packet[self.context..self.payload])
    }

    /// Its own fields. These have been checked: there is no error among them.
    pub fn fields(&self) -> Values<'_> {
        Values::in_order(self.order(), &self.kind.fields, &self.packet[self.payload..self.end])
    }

    fn order(&self) -> ByteOrder {
        self.types.byte_order
    }
}
