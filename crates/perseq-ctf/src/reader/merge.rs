//! The events of all streams by time.
//!
//! The next event of each stream stands in a heap. Its order is time, then stream; an error comes before all events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

use super::Event;
use super::stream::{Packets, Stream};
use crate::error::Error;
use crate::types::TraceType;

/// The events of a trace, by time: an iterator. After an error the stream that it is in has ended, and the others go on.
pub struct Events<'t> {
    streams: Vec<Stream<'t>>,
    /// The next event of each stream that has one.
    heads: Vec<Option<Event<'t>>>,
    heap: BinaryHeap<Reverse<(u64, usize)>>,
    errors: Vec<Error>,
}

impl fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}

impl<'t> Events<'t> {
    pub(super) fn new(types: &'t TraceType, packets: Vec<Packets>) -> Self {
        let streams: Vec<_> = packets.into_iter().map(|packets| Stream::new(types, packets)).collect();
        let heads = streams.iter().map(|_| None).collect();
        let mut events = Self { streams, heads, heap: BinaryHeap::new(), errors: Vec::new() };
        (0..events.streams.len()).for_each(|stream| events.advance(stream));
        events
    }

    /// The events that were discarded when the trace was recorded, as far as it was read: all of them, once there are no more events.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        self.streams.iter().map(Stream::discarded).fold(0, u64::saturating_add)
    }

    /// Brings the next event of a stream.
    fn advance(&mut self, stream: usize) {
        match self.streams[stream].next() {
            Some(Ok(event)) => {
                self.heap.push(Reverse((event.cycles, stream)));
                self.heads[stream] = Some(event);
            }
            Some(Err(error)) => self.errors.push(error),
            None => {}
        }
    }
}

impl<'t> Iterator for Events<'t> {
    type Item = Result<Event<'t>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.errors.pop() {
            return Some(Err(error));
        }
        let Reverse((_, stream)) = self.heap.pop()?;
        let event = self.heads[stream].take()?;
        self.advance(stream);
        Some(Ok(event))
    }
}
