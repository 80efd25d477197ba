//! The reader of the rings: a thread that copies what was recorded to the streams of a trace.
//!
//! It trusts nothing that it reads: a ring is memory that others write to, children of the process too, and what they write may be anything. Words
//! are copied first, by atomic loads, and then looked at; an event of an unknown id, or that does not fit where it is, ends its sub-buffer. So
//! the worst that a broken program gets is a trace without its events.
//!
//! Invariant: what is before `tail` was copied, or counted as lost.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use perseq_ctf::{StreamWriter, TraceType, WriteError, payload};

use crate::emit::Mode;
use crate::ring::{HEADER, MARK, Ring};
use crate::session::{Recording, SessionError};
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

/// The thread.
#[derive(Debug)]
pub(crate) struct Consumer {
    recording: Arc<Recording>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Summary, WriteError>>,
}

impl Consumer {
    /// Makes the rings ready, and starts the thread.
    pub(crate) fn start(recording: Arc<Recording>, mode: Mode) -> Result<Self, SessionError> {
        let begin = recording.clock.now();
        let mut streams = Vec::new();
        for cpu in 0..recording.rings.slots() {
            let shape = recording.shape;
            let at = recording.rings.exclusive(cpu, |ring| begin_anew(ring, shape.size, shape.sub));
            let (at, lost) = at.map_err(SessionError::Ring)?;
            let writer = recording.directory.stream(&recording.types(), cpu, begin);
            let writer = writer.map_err(SessionError::Output)?;
            streams.push(Stream {
                cpu,
                writer,
                tail: at,
                lost,
                words: Vec::new(),
                error: None,
                summary: Summary::default(),
            });
        }
        recording.rings.common().size.store(recording.shape.size, Ordering::Relaxed);
        let over = Arc::new(AtomicBool::new(false));
        let thread = {
            let (recording, over) = (Arc::clone(&recording), Arc::clone(&over));
            Builder::new()
                .name("perseq-trace".to_owned())
                .spawn(move || consume(&recording, mode, &over, streams))
        };
        Ok(Self { recording, over, thread: thread.map_err(SessionError::Thread)? })
    }

    /// Closes the rings, and waits until all that is in them was written.
    pub(crate) fn stop(self) -> Result<Summary, WriteError> {
        let rings = self.recording.rings;
        for cpu in 0..rings.slots() {
            // If it cannot be had, what is recorded later finds a sub-buffer that nobody reads, and is counted.
            let _ = rings.exclusive(cpu, |ring| (ring.limit, ring.sub) = (ring.head, 0));
        }
        self.over.store(true, Ordering::Release);
        rings.common().completed.fetch_add(1, Ordering::Relaxed);
        sys::wake(&rings.common().completed);
        // A panic of that thread has been told by the hook; what it has written is there.
        self.thread.join().unwrap_or_else(|_| Ok(Summary::default()))
    }

    /// It is another process's.
    pub(crate) fn forget(self) {
        std::mem::forget(self.thread);
    }
}

/// Where a ring begins, and how many it had lost before.
fn begin_anew(ring: &mut Ring, size: u64, sub: u64) -> (u64, u64) {
    // Counts of bytes go on, so that an event that was under way is none of this session.
    let at = ring.limit.next_multiple_of(size);
    (ring.head, ring.limit, ring.mask, ring.sub) = (at, at, size - 1, sub);
    (ring.reader.tail, ring.last) = (at, 0);
    (at, ring.lost)
}

fn consume(
    recording: &Recording,
    mode: Mode,
    over: &AtomicBool,
    mut streams: Vec<Stream>,
) -> Result<Summary, WriteError> {
    let control = recording.rings.common();
    loop {
        let completed = control.completed.load(Ordering::Relaxed);
        // Before the rings are looked at: what was recorded before is written.
        let last = over.load(Ordering::Acquire);
        if last || mode != Mode::Overwrite {
            streams.iter_mut().for_each(|stream| stream.copy(recording, mode));
            *recording.so_far.lock().unwrap_or_else(PoisonError::into_inner) = total(&streams);
            control.turns.fetch_add(1, Ordering::Relaxed);
            sys::wake(&control.turns);
        }
        if last {
            break;
        }
        control.asleep.store(1, Ordering::Relaxed);
        // With that of who completes a sub-buffer.
        fence(Ordering::SeqCst);
        sys::wait(&control.completed, completed, INTERVAL);
        control.asleep.store(0, Ordering::Relaxed);
    }
    control.size.store(0, Ordering::Relaxed);
    // By now the clock is known best.
    let clock = recording.clock.describe();
    let mut types = recording.types();
    types.clock = clock;
    let written = recording.directory.update(&types);
    let summary = total(&streams);
    let mut error = None;
    for mut stream in streams {
        let finished = stream.writer.finish();
        error = error.or(stream.error.take()).or(finished.err());
    }
    drop(written);
    error.map_or(Ok(summary), Err)
}

fn total(streams: &[Stream]) -> Summary {
    streams.iter().map(|stream| stream.summary).fold(Summary::default(), |sum, of| Summary {
        events: sum.events + of.events,
        lost: sum.lost + of.lost,
        damaged: sum.damaged + of.damaged,
    })
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

impl Stream {
    /// Copies what is new.
    fn copy(&mut self, recording: &Recording, mode: Mode) {
        let Some(ring) = recording.rings.item(self.cpu).map(|ring| ring.as_ptr()) else { return };
        // SAFETY: words of a slot that stays, which sections change at once.
        let word = |word: *mut u64| unsafe { AtomicU64::from_ptr(word) };
        // SAFETY: only addresses in the slot are formed.
        let (head, tail, lost, limit, data) = unsafe {
            (
                word(&raw mut (*ring).head),
                word(&raw mut (*ring).reader.tail),
                word(&raw mut (*ring).lost),
                word(&raw mut (*ring).limit),
                (&raw mut (*ring).data.0).cast::<u64>(),
            )
        };
        let (size, sub) = (recording.shape.size, recording.shape.sub);
        let head = head.load(Ordering::Acquire);
        if mode == Mode::Overwrite {
            // What is older than a ring before the end of the last sub-buffer was overwritten.
            let oldest = limit.load(Ordering::Relaxed).next_multiple_of(sub).saturating_sub(size);
            self.tail = self.tail.max(oldest);
        }
        if head.wrapping_sub(self.tail) > size {
            // Nobody who follows the rules has done that.
            self.summary.damaged += 1;
            self.tail = head & !7;
        }
        let types = recording.types().clone();
        while self.tail < head {
            let end = head.min((self.tail / sub + 1) * sub);
            self.words.clear();
            for at in (self.tail..end).step_by(8) {
                let place = data.wrapping_add((at & (size - 1)) as usize / 8);
                self.words.push(word(place).load(Ordering::Relaxed));
            }
            self.tail = end;
            tail.store(end, Ordering::Release);
            self.write(&types);
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

    /// Writes the events of a sub-buffer, or of a part of it, that were copied.
    fn write(&mut self, types: &TraceType) {
        let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut rest = bytes.as_slice();
        while let Some((time, event)) = rest.split_first_chunk::<8>() {
            let time = u64::from_ne_bytes(*time);
            if time == MARK {
                return;
            }
            let Some((id, fields)) = event.split_first_chunk::<4>() else { return self.summary.damaged += 1 };
            let id = u32::from_ne_bytes(*id);
            let known =
                types.events.get(id as usize).and_then(|event| payload::walk(&event.fields, fields).ok());
            let Some(size) = known else { return self.summary.damaged += 1 };
            match self.writer.event(time, id, &[], &fields[..size]) {
                Ok(()) => self.summary.events += 1,
                Err(
                    error @ (WriteError::Backwards { .. }
                    | WriteError::TimeRange(_)
                    | WriteError::TooLarge(_)),
                ) => {
                    drop(error);
                    self.discard(1);
                }
                Err(error) => {
                    // What could not be written is given up, with this one; later ones are tried again.
                    let given_up = self.writer.give_up();
                    self.summary.events -= given_up;
                    self.summary.lost += given_up;
                    self.discard(1);
                    self.error.get_or_insert(error);
                }
            }
            rest = rest.get((HEADER + size).next_multiple_of(8)..).unwrap_or_default();
        }
    }
}
