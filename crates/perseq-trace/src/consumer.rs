//! The reader of the rings of a session: a stream for each, and the types of events that programs add.
//!
//! Invariant: the types of events are in the trace before events of them are.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use perseq_ctf::{Directory, EventType, Field, Level, TraceType};

use crate::emit::Mode;
use crate::error::SessionError;
use crate::plan::Plan;
use crate::registry::Registry;
use crate::ring::Rings;
use crate::stream::{Stream, Summary, Types};
use crate::sys;

/// How long it sleeps at most.
const INTERVAL: Duration = Duration::from_millis(50);

/// Reads the rings of a session.
#[derive(Debug)]
pub(crate) struct Consumer {
    rings: Arc<Rings>,
    plan: Plan,
    known: Known,
    streams: Vec<Stream>,
}

/// The types of the trace.
#[derive(Debug)]
struct Known {
    registry: Registry,
    directory: Directory,
    types: TraceType,
    /// They could not be written in this turn, such as on a disk that is full: once is enough.
    full: bool,
    /// The first thing that went wrong with them.
    trouble: Option<SessionError>,
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
        rings: Arc<Rings>,
        output: &Path,
        types: TraceType,
    ) -> Result<Self, SessionError> {
        let directory = Directory::create(output, &types, plan.version).map_err(SessionError::Output)?;
        let begin = plan.clock.begin();
        let mut consumer = Self::of(session, plan, rings, directory, types);
        for cpu in 0..consumer.rings.slots() {
            match consumer.known.directory.stream(&consumer.known.types, cpu, begin) {
                Ok(writer) => consumer.streams.push(Stream::new(cpu, writer)),
                Err(error) => {
                    consumer.discard();
                    return Err(SessionError::Output(error));
                }
            }
        }
        Ok(consumer)
    }

    /// One that goes on with the trace of a session whose reader is gone.
    pub(crate) fn resume(session: &Path, plan: Plan, rings: Arc<Rings>) -> Result<Self, SessionError> {
        let (directory, types) =
            Directory::resume(&plan.output, plan.version).map_err(SessionError::Output)?;
        let begin = plan.clock.begin();
        let mut consumer = Self::of(session, plan, rings, directory, types);
        for cpu in 0..consumer.rings.slots() {
            let writer = consumer.known.directory.resume_stream(&consumer.known.types, cpu, begin);
            let mut stream = Stream::new(cpu, writer.map_err(SessionError::Output)?);
            stream.skip_what_was_read(&consumer.rings);
            consumer.streams.push(stream);
        }
        Ok(consumer)
    }

    /// One without streams.
    fn of(session: &Path, plan: Plan, rings: Arc<Rings>, directory: Directory, types: TraceType) -> Self {
        let known = Known { registry: Registry::of(session), directory, types, full: false, trouble: None };
        Self { rings, plan, known, streams: Vec::new() }
    }

    /// Removes the trace, which is new.
    pub(crate) fn discard(self) {
        self.known.directory.discard(self.streams.len() as u32);
    }

    /// What became of the events so far.
    pub(crate) fn summary(&self) -> Summary {
        let mut sum = Summary::default();
        for summary in self.streams.iter().map(Stream::summary) {
            sum.events += summary.events;
            sum.lost = sum.lost.saturating_add(summary.lost);
            sum.damaged += summary.damaged;
        }
        sum
    }

    /// Writes what is new, and then sleeps until there is more, for some time at most.
    pub(crate) fn turn(&mut self) {
        let rings = Arc::clone(&self.rings);
        let control = rings.common();
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
        let overwrite = self.plan.mode == Mode::Overwrite;
        self.known.full = false;
        for stream in &mut self.streams {
            stream.copy(&self.rings, self.plan.shape, overwrite, &mut self.known);
        }
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
        self.known.types.clock = self.plan.clock.describe_again(&self.known.types.clock);
        let mut error = self.known.trouble.take();
        if let Err(failed) = self.known.directory.update(&self.known.types) {
            error.get_or_insert(SessionError::Output(failed));
        }
        for stream in &mut self.streams {
            if let Err(failed) = stream.finish() {
                error.get_or_insert(SessionError::Write(failed));
            }
        }
        error.map_or_else(|| Ok(self.summary()), Err)
    }
}

impl Types for Known {
    fn context(&self) -> &[Field] {
        &self.types.context
    }

    fn event(&mut self, id: u32) -> Option<(&EventType, bool)> {
        let is_new = id as usize >= self.registry.known().len();
        if is_new || id as usize >= self.types.events.len() && !self.full {
            self.learn();
        }
        // A type that makes no sense has no events.
        let event = self.registry.known().get(id as usize)?.as_ref()?;
        Some((event, (id as usize) < self.types.events.len()))
    }
}

impl Known {
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
            self.full = updated.is_err();
            if self.full {
                self.types.events.truncate(before);
            }
            updated
        });
        if let Err(error) = result {
            self.trouble.get_or_insert(error);
        }
    }
}
