//! From a ring to the stream of a trace.
//!
//! Nothing that is read is trusted: a ring is memory that others write to, and what they write may be anything. Words are copied first, by
//! atomic loads, and then looked at; an event of an unknown id, or that does not fit where it is, ends its sub-buffer. So the worst
//! that a broken program gets is a trace without events.
//!
//! Invariant: what is before `tail` was written to the stream, or counted as lost. Each packet of a stream tells how far the ring had been read, so
//! another reader can go on where one was killed: nothing is lost by that, and nothing is there twice.
//!
//! Where old events are overwritten nobody advances `tail` in the ring. Sub-buffers are copied without stopping anybody; and then `limit` tells which of them
//! can have been overwritten meanwhile.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use perseq_ctf::{EventType, Field, Output, StreamWriter, TraceType, WriteError, payload};

use crate::plan::Shape;
use crate::ring::{HEADER, MARK, Rings};

/// What became of the events of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Those that are in the trace.
    pub events: u64,
    /// Those for which there was no room, or that could not be written.
    pub lost: u64,
    /// Sub-buffers that were not what they should be, of which the rest was left out.
    pub damaged: u64,
}

/// What a stream has to know of types.
pub(crate) trait Types {
    /// What comes before the fields of every event.
    fn context(&self) -> &[Field];

    /// The type of events of an id, if there is one, and whether a reader of the trace knows it.
    fn event(&mut self, id: u32) -> Option<(&EventType, bool)>;
}

/// The stream of a CPU.
#[derive(Debug)]
pub(crate) struct Stream<W: Output = File> {
    cpu: u32,
    writer: StreamWriter<W>,
    tail: u64,
    /// Of the ring, as far as it was told.
    lost: u64,
    words: Vec<u64>,
    error: Option<WriteError>,
    summary: Summary,
}

impl<W: Output> Stream<W> {
    /// That of a CPU, which is written there.
    pub(crate) fn new(cpu: u32, writer: StreamWriter<W>) -> Self {
        let (tail, lost) = (writer.reached(), writer.lost());
        Self { cpu, writer, tail, lost, words: Vec::new(), error: None, summary: Summary::default() }
    }

    /// What became of the events so far.
    pub(crate) fn summary(&self) -> Summary {
        self.summary
    }

    /// Leaves out what somebody has read before: what had no events that could be written is in no packet.
    pub(crate) fn skip_what_was_read(&mut self, rings: &Rings) {
        if let Some(words) = Words::of(rings, self.cpu) {
            let head = words.head.load(Ordering::Acquire);
            self.tail = self.tail.max(words.tail.load(Ordering::Relaxed).min(head) & !7);
        }
    }

    /// Writes what is new in a ring.
    pub(crate) fn copy(&mut self, rings: &Rings, shape: Shape, overwrite: bool, types: &mut impl Types) {
        let Some(ring) = Words::of(rings, self.cpu) else { return };
        let Shape { size, sub } = shape;
        let head = ring.head.load(Ordering::Acquire);
        if overwrite {
            self.tail = self.tail.max(ring.oldest(shape));
        }
        if head.wrapping_sub(self.tail) > size {
            // Nobody who follows the rules has done that.
            self.summary.damaged += 1;
            self.tail = head & !7;
        }
        let mut words = std::mem::take(&mut self.words);
        let end_of = |at: u64| head.min((at | (sub - 1)).saturating_add(1));
        if overwrite {
            let begin = self.tail;
            ring.copy(begin..head, size, &mut words);
            // On that CPU, whatever was stored before what was copied can be seen. Where this thread may not go there, the order of the words that
            // processors keep by themselves must do.
            let _ = perseq::fence::be_on(self.cpu);
            self.tail = begin.max(ring.oldest(shape)).min(head);
            while self.tail < head {
                let (at, end) = (self.tail, end_of(self.tail));
                let part = words.get((at - begin) as usize / 8..(end - begin).div_ceil(8) as usize);
                self.write(at, part.unwrap_or_default(), types);
                self.flush();
                self.tail = end;
            }
        }
        while self.tail < head {
            let (begin, end) = (self.tail, end_of(self.tail));
            ring.copy(begin..end, size, &mut words);
            self.write(begin, &words, types);
            self.writer.position(end);
            self.flush();
            self.tail = end;
            ring.tail.store(end, Ordering::Release);
        }
        self.words = words;
        // Those that were counted beside the rings are of no CPU: told with the first.
        let beside = if self.cpu == 0 { rings.common().lost.load(Ordering::Relaxed) } else { 0 };
        let lost = ring.lost.load(Ordering::Relaxed).saturating_add(beside);
        self.discard(lost.saturating_sub(self.lost));
        self.lost = self.lost.max(lost);
    }

    fn discard(&mut self, events: u64) {
        if events > 0 {
            self.writer.discarded(events);
            self.summary.lost = self.summary.lost.saturating_add(events);
        }
    }

    /// Writes the events that were copied, which are in a sub-buffer from `at` on.
    pub(crate) fn write(&mut self, mut at: u64, words: &[u64], types: &mut impl Types) {
        let mut rest = bytes(words);
        while let Some((time, event)) = rest.split_first_chunk::<8>() {
            let time = u64::from_ne_bytes(*time);
            if time == MARK {
                break;
            }
            match self.write_one(time, event, types) {
                Some(size) => {
                    rest = rest.get(size..).unwrap_or_default();
                    at = at.wrapping_add(size as u64);
                    self.writer.position(at);
                }
                None => {
                    self.summary.damaged += 1;
                    break;
                }
            }
        }
    }

    /// Writes an event, and says how many bytes it has in the ring; if it is one.
    fn write_one(&mut self, time: u64, event: &[u8], types: &mut impl Types) -> Option<usize> {
        let (id, rest) = event.split_first_chunk::<4>()?;
        let id = u32::from_ne_bytes(*id);
        let context = payload::walk(types.context(), rest).ok()?;
        let (context, rest) = rest.split_at_checked(context)?;
        let (event, is_written) = types.event(id)?;
        let size = payload::walk(&event.fields, rest).ok()?;
        let fields = rest.get(..size)?;
        let bytes = (HEADER + context.len() + size).next_multiple_of(8);
        if !is_written {
            // Its type cannot be written, on a disk that is full.
            self.discard(1);
            return Some(bytes);
        }
        // A processor may read its counter ahead of what it did before: on one CPU the events themselves are in order.
        let time = time.max(self.writer.last());
        match self.writer.event(time, id, context, fields) {
            Ok(()) => self.summary.events += 1,
            Err(WriteError::Output(error)) => {
                self.give_up(error);
                self.discard(1);
            }
            // Its time is none.
            Err(_) => self.discard(1),
        }
        Some(bytes)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first error there was.
    pub(crate) fn finish(&mut self) -> Result<(), WriteError> {
        let finished = self.writer.finish();
        self.error.take().map_or(finished, Err)
    }

    fn flush(&mut self) {
        if let Err(WriteError::Output(error)) = self.writer.flush() {
            self.give_up(error);
        }
    }

    /// What could not be written is lost; what comes later is tried again.
    fn give_up(&mut self, error: std::io::Error) {
        let events = self.writer.give_up();
        self.summary.events -= events;
        self.summary.lost = self.summary.lost.saturating_add(events);
        self.error.get_or_insert(WriteError::Output(error));
    }
}

/// For fuzzing: the stream that is made of some words, sub-buffer after sub-buffer of so many, and what became of their events.
#[doc(hidden)]
#[must_use]
pub fn stream_of_words(types: &TraceType, sub: usize, words: &[u64]) -> (Vec<u8>, Summary) {
    struct Fixed<'t>(&'t TraceType);
    impl Types for Fixed<'_> {
        fn context(&self) -> &[Field] {
            &self.0.context
        }

        fn event(&mut self, id: u32) -> Option<(&EventType, bool)> {
            self.0.events.get(id as usize).map(|event| (event, true))
        }
    }
    let mut stream = Stream::new(0, StreamWriter::new(Vec::new(), types, 0, 0));
    for (number, words) in words.chunks(sub.max(1)).enumerate() {
        stream.write((number * sub * 8) as u64, words, &mut Fixed(types));
        stream.flush();
    }
    // Memory takes what is written.
    let _ = stream.finish();
    let summary = stream.summary;
    (stream.writer.into_output(), summary)
}

/// The words of a ring.
struct Words<'r> {
    head: &'r AtomicU64,
    tail: &'r AtomicU64,
    lost: &'r AtomicU64,
    limit: &'r AtomicU64,
    data: *mut u64,
}

impl<'r> Words<'r> {
    fn of(rings: &'r Rings, cpu: u32) -> Option<Self> {
        let ring = rings.item(cpu)?.as_ptr();
        // SAFETY: words of a slot that stays, which sections change at once; otherwise only addresses in it are formed.
        unsafe {
            Some(Self {
                head: AtomicU64::from_ptr(&raw mut (*ring).head),
                tail: AtomicU64::from_ptr(&raw mut (*ring).reader.tail),
                lost: AtomicU64::from_ptr(&raw mut (*ring).lost),
                limit: AtomicU64::from_ptr(&raw mut (*ring).limit),
                data: (&raw mut (*ring).data.0).cast(),
            })
        }
    }

    /// Where what was not overwritten begins, as far as it can be told from here.
    fn oldest(&self, shape: Shape) -> u64 {
        (self.limit.load(Ordering::Relaxed) & !(shape.sub - 1)).saturating_sub(shape.size)
    }

    /// Copies what is there, in place of what was copied before.
    fn copy(&self, range: std::ops::Range<u64>, size: u64, to: &mut Vec<u64>) {
        to.clear();
        to.extend(range.step_by(8).map(|at| {
            // SAFETY: a word of the ring, which stays, and which sections change at once.
            let word = unsafe { AtomicU64::from_ptr(self.data.wrapping_add((at & (size - 1)) as usize / 8)) };
            word.load(Ordering::Relaxed)
        }));
        // Before whatever tells that it was overwritten meanwhile.
        fence(Ordering::Acquire);
    }
}

/// The bytes of words.
fn bytes(words: &[u64]) -> &[u8] {
    // SAFETY: words are bytes, of which all values are valid, and borrowed as long as these are.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}
