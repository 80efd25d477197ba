//! Writing the stream of a CPU.
//!
//! A packet is put together in memory and written whole. Its first event is its beginning and its last one its end, both exactly. If
//! it cannot be written, what is there of it in the output is cut off again, so that the output always ends with a whole packet; the
//! packet stays in memory, to be written later or given up.
//!
//! Invariant: `written` bytes of the output are whole packets, and what is after them is cut off before anything is written.

use std::fs::File;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::{error, fmt, mem};

use crate::packet::{self, END, LONG, MAX_PACKET, Preface, START};
use crate::types::{ByteOrder, TraceType, Uuid};

/// Where packets are written.
pub trait Output: Write {
    /// Cuts off what is after so many bytes since the first that was written, and goes on there.
    ///
    /// # Errors
    /// If this does not work. It is tried again before anything else is written.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// A stream begins where a file is empty.
impl Output for File {
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.seek(SeekFrom::Start(len)).map(drop)
    }
}

impl Output for Vec<u8> {
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        Vec::truncate(self, usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }
}

impl Output for Cursor<Vec<u8>> {
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        Output::truncate(self.get_mut(), len)?;
        self.set_position(len);
        Ok(())
    }
}

impl<O: Output + ?Sized> Output for &mut O {
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        (**self).truncate(len)
    }
}

impl<O: Output + ?Sized> Output for Box<O> {
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        (**self).truncate(len)
    }
}

/// Why an event is not recorded, or a packet not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The time is before that of the event before, or the beginning of the stream.
    Backwards {
        /// The time of the event before.
        last: u64,
        /// The time given.
        time: u64,
    },
    /// The nanoseconds since the Unix epoch do not fit an `i64` at this time.
    TimeRange(u64),
    /// The event has so many bytes, and does not fit a packet of 16 MiB.
    TooLarge(usize),
    /// The output failed. What was written before is whole, and the packet is kept: see [`StreamWriter::flush`].
    Output(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backwards { last, time } => write!(f, "time goes backwards, from {last} to {time}"),
            Self::TimeRange(time) => write!(f, "the time {time} is too late to be one since the Unix epoch"),
            Self::TooLarge(size) => write!(f, "an event of {size} bytes fits no packet"),
            Self::Output(error) => write!(f, "a packet cannot be written: {error}"),
        }
    }
}

impl error::Error for WriteError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        if let Self::Output(error) = self { Some(error) } else { None }
    }
}

/// Writes the stream of a CPU. Whoever drops it without [`finish`](Self::finish) gives up the events of the last packet.
#[derive(Debug)]
pub struct StreamWriter<W: Output> {
    output: W,
    uuid: Uuid,
    order: ByteOrder,
    cpu: u32,
    start: u64,
    latest: u64,
    /// The size at which a packet is closed.
    limit: usize,
    /// The packet in the making; empty if there is none, else it begins with room for what is said before events.
    packet: Vec<u8>,
    /// Of this packet.
    begin: u64,
    events: u64,
    /// The time of the last event.
    last: u64,
    /// The bytes of the output that are whole packets, and their number.
    written: u64,
    packets: u64,
    /// Whether there may be more bytes than those.
    torn: bool,
    /// The events discarded since the beginning, and how many of them the output tells of.
    discarded: u64,
    told: u64,
    /// How far the source of the events was read.
    position: u64,
}

impl<W: Output> StreamWriter<W> {
    /// The size at which packets are closed, in bytes, unless [`packet_size`](Self::packet_size) says otherwise.
    pub const PACKET_SIZE: usize = 64 << 10;

    /// The stream of a CPU, which begins at a time, with an empty output.
    ///
    /// Of the type, uuid, byte order and clock are used; types of events may come later.
    #[must_use]
    pub fn new(output: W, types: &TraceType, cpu: u32, start: u64) -> Self {
        Self {
            output,
            uuid: types.uuid,
            order: types.byte_order,
            cpu,
            start,
            latest: types.clock.latest(),
            limit: Self::PACKET_SIZE,
            packet: Vec::new(),
            begin: start,
            events: 0,
            last: start,
            written: 0,
            packets: 0,
            torn: false,
            discarded: 0,
            told: 0,
            position: 0,
        }
    }

    /// Goes on with a stream whose last packet is this, and that has so many bytes; what is after them is cut off before anything is written.
    pub(crate) fn after(mut self, last: Option<(Preface, u64)>, written: u64) -> Self {
        if let Some((last, position)) = last {
            self.packets = last.sequence.saturating_add(1);
            (self.begin, self.last) = (last.end, last.end);
            (self.discarded, self.told) = (last.discarded, last.discarded);
            self.position = position;
        }
        (self.written, self.torn) = (written, true);
        self
    }

    /// Closes packets before they are larger than this many bytes. An event that is larger has a packet of its own.
    #[must_use]
    pub fn packet_size(mut self, bytes: usize) -> Self {
        self.limit = bytes.min(MAX_PACKET);
        self
    }

    /// Records an event: its time in cycles of the clock, its id, and the fields of the context and its own as
    /// [`payload`](crate::payload) says. They are not looked at; if they are none of their types, the packet cannot be read.
    ///
    /// # Errors
    /// The event is not recorded then. If the output failed, the packet before it is kept, and no event is recorded until it is
    /// written or given up: see [`flush`](Self::flush).
    pub fn event(&mut self, time: u64, id: u32, context: &[u8], payload: &[u8]) -> Result<(), WriteError> {
        if time < self.last {
            return Err(WriteError::Backwards { last: self.last, time });
        }
        if time > self.latest {
            return Err(WriteError::TimeRange(time));
        }
        let size = LONG.saturating_add(context.len()).saturating_add(payload.len());
        if size > MAX_PACKET - START - END {
            return Err(WriteError::TooLarge(size));
        }
        if !self.packet.is_empty() && self.packet.len() + size + END > self.limit {
            self.close()?;
        }
        if self.packet.is_empty() {
            self.open(time);
        }
        packet::put_header(self.order, self.last, time, id, &mut self.packet);
        self.packet.extend_from_slice(context);
        self.packet.extend_from_slice(payload);
        self.last = time;
        self.events += 1;
        Ok(())
    }

    /// Says how far the source of the events has been read, in units of its own: behind the last event that was recorded. Each packet bears
    /// this, so whoever [goes on](crate::Directory::resume) with the stream knows what is in it already.
    pub fn position(&mut self, position: u64) {
        self.position = position;
    }

    /// Counts events that could not be recorded. The packet in the making tells of them, or the next.
    pub fn discarded(&mut self, events: u64) {
        self.discarded = self.discarded.saturating_add(events);
    }

    /// Writes the packet in the making, if there is one.
    ///
    /// # Errors
    /// If the output fails. What was written before is whole still, and the packet is kept: call this again, or
    /// [`give_up`](Self::give_up) the packet.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.packet.is_empty() { Ok(()) } else { self.close() }
    }

    /// Drops the packet in the making, and counts its events as discarded; says how many these are.
    pub fn give_up(&mut self) -> u64 {
        let events = self.events;
        self.packet.clear();
        self.events = 0;
        self.discarded(events);
        events
    }

    /// Writes the last packet. If there were discarded events after it, an empty one tells of them.
    ///
    /// # Errors
    /// If the output fails. What was written before is whole still, and this can be called again.
    pub fn finish(&mut self) -> Result<(), WriteError> {
        if self.packet.is_empty() && self.discarded != self.told {
            self.open(self.last);
        }
        self.flush()
    }

    /// The time of the last event, or of the beginning if there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How far the source of the events had been read at the last event: see [`position`](Self::position).
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.position
    }

    /// The events that were counted as discarded.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.discarded
    }

    /// The bytes and the packets that the output has.
    #[must_use]
    pub fn written(&self) -> (u64, u64) {
        (self.written, self.packets)
    }

    /// The output, without what is not flushed.
    pub fn into_output(self) -> W {
        self.output
    }

    fn open(&mut self, time: u64) {
        self.packet.resize(START, 0);
        self.begin = time;
        self.last = time;
        self.events = 0;
    }

    /// Writes the packet, or leaves all as it was.
    fn close(&mut self) -> Result<(), WriteError> {
        if self.packets == 0 && self.discarded > 0 {
            // Readers take the first packet's number of discarded events for what it was at the beginning. An empty packet says
            // that it was 0.
            let position = mem::take(&mut self.position);
            let written = self.write(&mut vec![0; START], self.start, self.start, 0);
            self.position = position;
            written?;
        }
        let mut packet = mem::take(&mut self.packet);
        let written = self.write(&mut packet, self.begin, self.last, self.discarded);
        self.packet = packet;
        written?;
        self.told = self.discarded;
        self.events = 0;
        self.packet.clear();
        if self.packet.capacity() > 2 * self.limit {
            self.packet.shrink_to(self.limit);
        }
        Ok(())
    }

    /// Writes a packet, or nothing.
    fn write(
        &mut self,
        packet: &mut Vec<u8>,
        begin: u64,
        end: u64,
        discarded: u64,
    ) -> Result<(), WriteError> {
        self.mend().map_err(WriteError::Output)?;
        let content = packet.len();
        packet.resize(content + END, 0);
        self.order.put(self.position, &mut packet[content..]);
        let size = packet.len() as u64;
        let preface = Preface {
            uuid: self.uuid,
            begin,
            end,
            content: content as u64,
            size,
            sequence: self.packets,
            discarded,
            cpu: self.cpu,
        };
        if let Some(start) = packet.first_chunk_mut() {
            preface.put(self.order, start);
        }
        self.torn = true;
        let written = self.output.write_all(packet).and_then(|()| self.output.flush());
        packet.truncate(content);
        if let Err(error) = written {
            // If this fails too it is tried again, before the next packet.
            let _ = self.mend();
            return Err(WriteError::Output(error));
        }
        self.torn = false;
        self.written += size;
        self.packets += 1;
        Ok(())
    }

    /// Cuts off the rest of a packet that could not be written.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.output.truncate(self.written)?;
            self.torn = false;
        }
        Ok(())
    }
}
