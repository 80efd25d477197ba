//! The packets of a stream, and the events in a packet.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use super::Event;
use crate::error::{Error, at};
use crate::packet::{self, END, Preface, START};
use crate::payload::walk_in;
use crate::types::{ByteOrder, Clock, TraceType, Uuid};

/// Bytes that are in a file, or in memory.
pub(crate) trait Source: Read + Seek + Send {}
impl<S: Read + Seek + Send> Source for S {}

/// What is wrong with a stream whose writer was killed in the middle of a packet.
const CUT_OFF: &str = "the last packet is cut off";

/// What is said of a packet before its events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// The CPU.
    pub cpu: u32,
    /// Its number in its stream; where one is missing, a packet is lost.
    pub sequence: u64,
    /// The time of its first and of its last event, in cycles.
    pub begin: u64,
    /// The time of its last event, in cycles.
    pub end: u64,
    /// The events that were discarded since the packet before, until its end.
    pub discarded: u64,
    /// Where in its file it begins, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// The packets of a stream: an iterator, which ends after an error.
pub struct Packets {
    source: Box<dyn Source>,
    path: PathBuf,
    uuid: Uuid,
    order: ByteOrder,
    clock: Clock,
    offset: u64,
    /// Of the packet before.
    cpu: Option<u32>,
    last: u64,
    /// Until its end.
    discarded: u64,
    ended: bool,
}

impl fmt::Debug for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packets")
            .field("path", &self.path)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl Packets {
    pub(crate) fn new(source: Box<dyn Source>, path: PathBuf, types: &TraceType) -> Self {
        Self {
            source,
            path,
            uuid: types.uuid,
            order: types.byte_order,
            clock: types.clock.clone(),
            offset: 0,
            cpu: None,
            last: 0,
            discarded: 0,
            ended: false,
        }
    }

    pub(super) fn damaged(&self, at: u64, what: &'static str) -> Error {
        Error::Damaged(self.path.clone(), at, what)
    }

    /// The next packet and where its events are.
    fn preface(&mut self) -> Result<Option<(Packet, Preface)>, Error> {
        self.source.seek(SeekFrom::Start(self.offset)).map_err(at(&self.path))?;
        let mut bytes = [0; START];
        let mut filled = 0;
        while filled < START {
            match self.source.read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.damaged(self.offset, CUT_OFF)),
                Ok(some) => filled += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(at(&self.path)(error)),
            }
        }
        let preface = Preface::parse(self.order, &bytes).map_err(|what| self.damaged(self.offset, what))?;
        let wrong = if preface.uuid != self.uuid {
            Some("a packet is of another trace")
        } else if self.cpu.is_some_and(|cpu| cpu != preface.cpu) {
            Some("a packet is of another CPU")
        } else if preface.begin < self.last {
            Some("a packet begins before the one before it ends")
        } else if preface.discarded < self.discarded {
            Some("the number of discarded events decreases")
        } else if preface.end > self.clock.latest() {
            Some("a time is too late to be one since the Unix epoch")
        } else {
            None
        };
        if let Some(what) = wrong {
            return Err(self.damaged(self.offset, what));
        }
        let packet = Packet {
            cpu: preface.cpu,
            sequence: preface.sequence,
            begin: preface.begin,
            end: preface.end,
            discarded: preface.discarded - self.discarded,
            offset: self.offset,
            size: preface.size,
        };
        // There must be its last byte, whether or not it is read.
        let end = self.source.seek(SeekFrom::End(0)).map_err(at(&self.path))?;
        if end < self.offset.saturating_add(preface.size) {
            return Err(self.damaged(self.offset, CUT_OFF));
        }
        self.cpu = Some(preface.cpu);
        self.last = preface.end;
        self.discarded = preface.discarded;
        self.offset += preface.size;
        Ok(Some((packet, preface)))
    }

    /// What is said of the last packet, and how far the source had been read; and how many bytes are whole packets.
    pub(crate) fn last(mut self) -> Result<(Option<(Preface, u64)>, u64), Error> {
        let mut last = None;
        loop {
            match self.preface() {
                Ok(Some((_, preface))) => last = Some(preface),
                Ok(None) | Err(Error::Damaged(_, _, CUT_OFF)) => break,
                Err(error) => return Err(error),
            }
        }
        let Some(preface) = last else { return Ok((None, 0)) };
        let mut position = [0; END];
        if preface.size - preface.content >= END as u64 {
            self.source.seek(SeekFrom::Start(self.offset - END as u64)).map_err(at(&self.path))?;
            self.source.read_exact(&mut position).map_err(at(&self.path))?;
        }
        Ok((Some((preface, self.order.unsigned(&position))), self.offset))
    }

    /// The next packet with all its content.
    fn content(&mut self) -> Result<Option<(Packet, Vec<u8>)>, Error> {
        let Some((packet, preface)) = self.preface()? else { return Ok(None) };
        self.source.seek(SeekFrom::Start(packet.offset)).map_err(at(&self.path))?;
        // It is no more than `MAX_PACKET`, and in the file.
        let mut memory = vec![0; preface.content as usize];
        self.source.read_exact(&mut memory).map_err(at(&self.path))?;
        Ok(Some((packet, memory)))
    }
}

impl Iterator for Packets {
    type Item = Result<Packet, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.preface().map(|found| found.map(|(packet, _)| packet)).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The events of a stream, in their order.
pub(super) struct Stream<'t> {
    types: &'t TraceType,
    packets: Packets,
    /// The packet that is read, and where in it the next event is.
    packet: Option<Packet>,
    bytes: Arc<Vec<u8>>,
    at: usize,
    time: u64,
    ended: bool,
}

impl<'t> Stream<'t> {
    pub fn new(types: &'t TraceType, packets: Packets) -> Self {
        Self { types, packets, packet: None, bytes: Arc::default(), at: 0, time: 0, ended: false }
    }

    /// The events that were discarded before the end of the packet that is read.
    pub fn discarded(&self) -> u64 {
        self.packets.discarded
    }

    fn read(&mut self) -> Result<Option<Event<'t>>, Error> {
        while self.at >= self.bytes.len() {
            let Some((packet, bytes)) = self.packets.content()? else { return Ok(None) };
            self.bytes = Arc::new(bytes);
            self.at = START;
            self.time = packet.begin;
            self.packet = Some(packet);
        }
        // There is a packet, as there are bytes.
        let Some(packet) = &self.packet else { return Ok(None) };
        let damaged = |what| self.packets.damaged(packet.offset + self.at as u64, what);
        let order = self.types.byte_order;
        let (header, id, time) = packet::parse_header(order, self.time, &self.bytes[self.at..])
            .ok_or_else(|| damaged("an event's header is cut off, or its time beyond all times"))?;
        if time < self.time || time > packet.end {
            return Err(damaged(
                "the time of an event is not between that of the one before and the packet's end",
            ));
        }
        let kind = usize::try_from(id)
            .ok()
            .and_then(|id| self.types.events.get(id))
            .ok_or_else(|| damaged("there is no event of that id"))?;
        let context = self.at + header;
        let size = walk_in(order, &self.types.context, &self.bytes[context..])
            .map_err(|_| damaged("the context of an event is malformed"))?;
        let payload = context + size;
        let size = walk_in(order, &kind.fields, &self.bytes[payload..])
            .map_err(|_| damaged("the fields of an event are malformed"))?;
        let end = payload + size;
        let event = Event {
            types: self.types,
            kind,
            id,
            cpu: packet.cpu,
            cycles: time,
            packet: Arc::clone(&self.bytes),
            context,
            payload,
            end,
        };
        self.at = end;
        self.time = time;
        Ok(Some(event))
    }
}

impl<'t> Iterator for Stream<'t> {
    type Item = Result<Event<'t>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
