//! A packet of a stream: what its header and context say, and the headers of its events.
//!
//! ```text
//! header    magic u32, uuid of the trace 16 bytes, stream_id u32 = 0
//! context   timestamp_begin u64, timestamp_end u64, content_size u64, packet_size u64 (both in bits),
//!           packet_seq_num u64, events_discarded u64, cpu_id u32
//! events    each: header, context of events, fields
//! padding   for whoever goes on with the stream: how far its source had been read, u64
//! ```
//! The header of an event has 4 bytes: 5 bits for the id, below 31, and the low 27 bits of the time; or, if the id is greater or
//! more than 27 bits of time have passed since the event or the beginning of the packet before it, 13 bytes: the five bits are
//! 31, then id `u32` and time `u64`.

use crate::types::{ByteOrder, Uuid};

const MAGIC: u32 = 0xC1FC_1FC1;
/// The bytes before the events.
pub(crate) const START: usize = 76;
/// The bytes after them.
pub(crate) const END: usize = 8;
/// The most bytes of a packet that we write or read.
pub(crate) const MAX_PACKET: usize = 16 << 20;
/// What an id of a short header is below; this one says that the header is long.
const EXTENDED: u32 = 31;
const SHORT: usize = 4;
pub(crate) const LONG: usize = 13;
const TIME_BITS: u32 = 27;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// What is said before the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preface {
    pub uuid: Uuid,
    pub begin: u64,
    pub end: u64,
    /// In bytes, both.
    pub content: u64,
    pub size: u64,
    pub sequence: u64,
    pub discarded: u64,
    pub cpu: u32,
}

impl Preface {
    pub fn put(&self, order: ByteOrder, bytes: &mut [u8; START]) {
        order.put(MAGIC.into(), &mut bytes[..4]);
        bytes[4..20].copy_from_slice(&self.uuid);
        order.put(0, &mut bytes[20..24]);
        let words = [self.begin, self.end, self.content * 8, self.size * 8, self.sequence, self.discarded];
        for (at, word) in words.into_iter().enumerate() {
            order.put(word, &mut bytes[24 + 8 * at..][..8]);
        }
        order.put(self.cpu.into(), &mut bytes[72..]);
    }

    /// What the bytes say, or what is wrong with them.
    pub fn parse(order: ByteOrder, bytes: &[u8; START]) -> Result<Self, &'static str> {
        let word = |at: usize| order.unsigned(&bytes[24 + 8 * at..][..8]);
        if order.unsigned(&bytes[..4]) != u64::from(MAGIC) {
            return Err("a packet does not begin with the magic number");
        }
        if order.unsigned(&bytes[20..24]) != 0 {
            return Err("a packet is of an unknown kind of stream");
        }
        let (content, size) = (word(2), word(3));
        if content % 8 != 0 || size % 8 != 0 {
            return Err("the size of a packet is not whole bytes");
        }
        let (content, size) = (content / 8, size / 8);
        if content < START as u64 || content > size || size > MAX_PACKET as u64 {
            return Err("the size of a packet makes no sense");
        }
        let (begin, end) = (word(0), word(1));
        if begin > end {
            return Err("a packet ends before it begins");
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[4..20]);
        Ok(Self {
            uuid,
            begin,
            end,
            content,
            size,
            sequence: word(4),
            discarded: word(5),
            cpu: order.unsigned(&bytes[72..]) as u32,
        })
    }
}

/// Appends the header of an event, which is not before `last`.
pub(crate) fn put_header(order: ByteOrder, last: u64, time: u64, id: u32, to: &mut Vec<u8>) {
    if id < EXTENDED && time - last <= TIME_MASK {
        let time = (time & TIME_MASK) as u32;
        // The first bits of a big number are its high ones.
        to.extend_from_slice(&match order {
            ByteOrder::Little => (time << (32 - TIME_BITS) | id).to_le_bytes(),
            ByteOrder::Big => (id << TIME_BITS | time).to_be_bytes(),
        });
        return;
    }
    match order {
        ByteOrder::Little => {
            to.push(EXTENDED as u8);
            to.extend_from_slice(&id.to_le_bytes());
            to.extend_from_slice(&time.to_le_bytes());
        }
        ByteOrder::Big => {
            to.push((EXTENDED as u8) << 3);
            to.extend_from_slice(&id.to_be_bytes());
            to.extend_from_slice(&time.to_be_bytes());
        }
    }
}

/// The size of an event's header, its id and its time, which `last` is needed for; none if the bytes end in it.
pub(crate) fn parse_header(order: ByteOrder, last: u64, bytes: &[u8]) -> Option<(usize, u32, u64)> {
    let word = order.u32(*bytes.first_chunk()?);
    let (id, low) = match order {
        ByteOrder::Little => (word & EXTENDED, word >> (32 - TIME_BITS)),
        ByteOrder::Big => (word >> TIME_BITS, word & TIME_MASK as u32),
    };
    if id == EXTENDED {
        let bytes = bytes.get(1..LONG)?;
        return Some((LONG, order.unsigned(&bytes[..4]) as u32, order.unsigned(&bytes[4..])));
    }
    // The first time from `last` on that has these low bits.
    let passed = u64::from(low).wrapping_sub(last) & TIME_MASK;
    Some((SHORT, id, last.checked_add(passed)?))
}
