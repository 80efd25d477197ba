//! The reader of the rings: copies what was recorded to the streams of a trace.
//!
//! It trusts nothing that it reads: a ring is memory that others write to, and what they write may be anything. Words are copied first, by
//! atomic loads, and then looked at; an event of an unknown id, or that does not fit where it is, ends its sub-buffer. So the worst
//! that a broken program gets is a trace without events.
//!
//! Invariant: what is before `tail` was written to the stream, or counted as lost. Each packet of a stream tells how far the ring had been read, so
//! another reader can go on where one was killed: nothing is lost by that, and nothing is there twice.
//!
//! Where old events are overwritten nobody advances `tail`. Sub-buffers are copied without stopping anybody; and then `limit` tells which of them can
//! have been overwritten meanwhile.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use perseq_ctf::{Directory, EventType, Level, StreamWriter, TraceType, WriteError, payload};

use crate::emit::Mode;
use crate::plan::Plan;
use crate::registry::Registry;
use crate::ring::{HEADER, MARK, Rings};
use crate::session::SessionError;
use crate::sys;

/// How long it sleeps at most.
const INTERVAL: Duration = Duration::from_millis(50);

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

/// Reads the rings of a session.
#[derive(Debug)]
pub(crate) struct Consumer {
    rings: &'static Rings,
    plan: Plan,
    registry: Registry,
    directory: Directory,
    types: TraceType,
    streams: Vec<Stream>,
    /// The first thing that went wrong, besides writing streams.
    trouble: Option<SessionError>,
}

/// The stream of a CPU.
#[derive(Debug)]
struct Stream {
    cpu: u32,
    writer: StreamWriter<File>,
    tail: u64,
    /// Of the ring, as far as it was told.
    lost: u64,
    words: Vec<u64>,
    error: Option<WriteError>,
    summary: Summary,
}

/// Has the reader look at the rings now.
pub(crate) fn wake(rings: &Rings) {
    let word = &rings.common().completed;
    word.fetch_add(1, Ordering::Relaxed);
    sys::wake(word);
}

impl Consumer {
    /// One that writes a new trace to a folder.
    pub(crate) fn new(
        session: &Path,
        plan: Plan,
        rings: &'static Rings,
        output: &Path,
        types: TraceType,
    ) -> Result<Self, SessionError> {
        let directory = Directory::create(output, &types, plan.version).map_err(SessionError::Output)?;
        let begin = plan.clock.begin();
        let stream = |cpu| directory.stream(&types, cpu, begin).map(|writer| Stream::new(cpu, writer));
        let streams =
            (0..rings.slots()).map(stream).collect::<Result<_, _>>().map_err(SessionError::Output)?;
        Ok(Self { rings, plan, registry: Registry::of(session), directory, types, streams, trouble: None })
    }

    /// One that goes on with the trace of a session whose reader is gone.
    pub(crate) fn resume(session: &Path, plan: Plan, rings: &'static Rings) -> Result<Self, SessionError> {
        let (directory, types) =
            Directory::resume(&plan.output, plan.version).map_err(SessionError::Output)?;
        let begin = plan.clock.begin();
        let stream = |cpu| {
            let mut stream = Stream::new(cpu, directory.resume_stream(&types, cpu, begin)?);
            if let Some(words) = Words::of(rings, cpu) {
                // What was read, but had no events that could be written, is in no packet.
                let head = words.head.load(Ordering::Acquire);
                stream.tail = stream.tail.max(words.tail.load(Ordering::Relaxed).min(head) & !7);
            }
            Ok(stream)
        };
        let streams =
            (0..rings.slots()).map(stream).collect::<Result<_, _>>().map_err(SessionError::Output)?;
        Ok(Self { rings, plan, registry: Registry::of(session), directory, types, streams, trouble: None })
    }

    /// What became of the events so far.
    pub(crate) fn summary(&self) -> Summary {
        let mut sum = Summary::default();
        for Stream { summary, .. } in &self.streams {
            sum.events += summary.events;
            sum.lost += summary.lost;
            sum.damaged += summary.damaged;
        }
        sum
    }

    /// Writes what is new, and then sleeps until there is more, for some time at most.
    pub(crate) fn turn(&mut self) {
        let control = self.rings.common();
        let completed = control.completed.load(Ordering::Relaxed);
        if self.plan.mode != Mode::Overwrite {
            self.copy();
        }
        control.asleep.store(1, Ordering::Relaxed);
        // With that of who completes a sub-buffer: one of the two sees what the other has stored.
        fence(Ordering::SeqCst);
        sys::wait(&control.completed, completed, INTERVAL);
        control.asleep.store(0, Ordering::Relaxed);
    }

    /// Writes what is in the rings.
    pub(crate) fn copy(&mut self) {
        let mut streams = std::mem::take(&mut self.streams);
        streams.iter_mut().for_each(|stream| stream.copy(self));
        self.streams = streams;
        let control = self.rings.common();
        control.turns.fetch_add(1, Ordering::Relaxed);
        sys::wake(&control.turns);
    }

    /// Writes what is in the rings, and the end of the trace.
    ///
    /// # Errors
    /// The first.
    pub(crate) fn finish(mut self) -> Result<Summary, SessionError> {
        self.copy();
        // By now the clock is known best.
        self.types.clock = self.plan.clock.describe();
        let mut error = self.trouble.take();
        if let Err(failed) = self.directory.update(&self.types) {
            error.get_or_insert(SessionError::Output(failed));
        }
        for stream in &mut self.streams {
            let finished = stream.writer.finish();
            if let Some(failed) = stream.error.take().or(finished.err()) {
                error.get_or_insert(SessionError::Write(failed));
            }
        }
        error.map_or_else(|| Ok(self.summary()), Err)
    }

    /// The type of events of an id, if there is one.
    fn event(&mut self, id: u32) -> Option<&EventType> {
        if id as usize >= self.types.events.len().min(self.registry.known().len()) {
            self.learn();
        }
        // A type that makes no sense has no events.
        self.registry.known().get(id as usize)?.as_ref()
    }

    /// Reads the types that programs have added, and writes them before events of them are.
    fn learn(&mut self) {
        let result = self.registry.refresh().and_then(|()| {
            let before = self.types.events.len();
            let new = self.registry.known().get(before..).unwrap_or_default();
            if new.is_empty() {
                return Ok(());
            }
            for event in new {
                let nothing = || EventType::new("perseq", "damaged", Level::Debug, &[]);
                self.types.events.push(event.clone().unwrap_or_else(nothing));
            }
            let updated = self.directory.update(&self.types).map_err(SessionError::Output);
            if updated.is_err() {
                self.types.events.truncate(before);
            }
            updated
        });
        if let Err(error) = result {
            self.trouble.get_or_insert(error);
        }
    }
}

impl Stream {
    fn new(cpu: u32, writer: StreamWriter<File>) -> Self {
        let (tail, lost) = (writer.reached(), writer.lost());
        Self { cpu, writer, tail, lost, words: Vec::new(), error: None, summary: Summary::default() }
    }

    /// Copies what is new.
    fn copy(&mut self, consumer: &mut Consumer) {
        let Some(Words { head, tail, lost, limit, data }) = Words::of(consumer.rings, self.cpu) else {
            return;
        };
        let (size, sub) = (consumer.plan.shape.size, consumer.plan.shape.sub);
        let overwrite = consumer.plan.mode == Mode::Overwrite;
        // What is older was overwritten, or is being so.
        let oldest = || limit.load(Ordering::Relaxed).next_multiple_of(sub).saturating_sub(size);
        let head = head.load(Ordering::Acquire);
        if overwrite {
            self.tail = self.tail.max(oldest());
        }
        if head.wrapping_sub(self.tail) > size {
            // Nobody who follows the rules has done that.
            self.summary.damaged += 1;
            self.tail = head & !7;
        }
        while self.tail < head {
            let (begin, end) = (self.tail, head.min((self.tail / sub + 1) * sub));
            self.words.clear();
            self.words.extend((begin..end).step_by(8).map(|at| {
                // SAFETY: a word of the ring, which stays, and which sections change at once.
                let word = unsafe { AtomicU64::from_ptr(data.wrapping_add((at & (size - 1)) as usize / 8)) };
                word.load(Ordering::Relaxed)
            }));
            self.tail = end;
            // The words were loaded before `limit` is.
            fence(Ordering::Acquire);
            if overwrite && begin < oldest() {
                continue;
            }
            self.write(begin, consumer);
            self.flush();
            if !overwrite {
                tail.store(end, Ordering::Release);
            }
        }
        let now = lost.load(Ordering::Relaxed);
        self.discard(now.wrapping_sub(self.lost));
        self.lost = now;
    }

    fn discard(&mut self, events: u64) {
        if events > 0 {
            self.writer.discarded(events);
            self.summary.lost += events;
        }
    }

    /// Writes the events that were copied, which are in a sub-buffer from `at` on.
    fn write(&mut self, mut at: u64, consumer: &mut Consumer) {
        let words = std::mem::take(&mut self.words);
        let mut rest = bytes(&words);
        while let Some((time, event)) = rest.split_first_chunk::<8>() {
            let time = u64::from_ne_bytes(*time);
            if time == MARK {
                break;
            }
            match self.write_one(time, event, consumer) {
                Some(size) => {
                    rest = rest.get(size..).unwrap_or_default();
                    at += size as u64;
                    self.writer.position(at);
                }
                None => {
                    self.summary.damaged += 1;
                    break;
                }
            }
        }
        self.writer.position(self.tail);
        self.words = words;
    }

    /// Writes an event, and says how many bytes it has in the ring; if it is one.
    fn write_one(&mut self, time: u64, event: &[u8], consumer: &mut Consumer) -> Option<usize> {
        let (id, rest) = event.split_first_chunk::<4>()?;
        let id = u32::from_ne_bytes(*id);
        let context = payload::walk(&consumer.types.context, rest).ok()?;
        let (context, rest) = rest.split_at_checked(context)?;
        let event = consumer.event(id)?;
        let size = payload::walk(&event.fields, rest).ok()?;
        let fields = rest.get(..size)?;
        let bytes = (HEADER + context.len() + size).next_multiple_of(8);
        if id as usize >= consumer.types.events.len() {
            // Its type cannot be written, on a disk that is full.
            self.discard(1);
            return Some(bytes);
        }
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

    fn flush(&mut self) {
        if let Err(WriteError::Output(error)) = self.writer.flush() {
            self.give_up(error);
        }
    }

    /// What could not be written is lost; what comes later is tried again.
    fn give_up(&mut self, error: std::io::Error) {
        let events = self.writer.give_up();
        self.summary.events -= events;
        self.summary.lost += events;
        self.error.get_or_insert(WriteError::Output(error));
    }
}

/// The words of a ring.
struct Words {
    head: &'static AtomicU64,
    tail: &'static AtomicU64,
    lost: &'static AtomicU64,
    limit: &'static AtomicU64,
    data: *mut u64,
}

impl Words {
    fn of(rings: &'static Rings, cpu: u32) -> Option<Self> {
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
}

/// The bytes of words.
fn bytes(words: &[u64]) -> &[u8] {
    // SAFETY: words are bytes, of which all values are valid, and borrowed as long as these are.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}
