//! Rings of a tracer: every event is read whole and in the order of time, or was counted as lost.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Subject;
use crate::structures::trace::Trace;

/// Bytes of a ring, and of a sub-buffer: few, so that its end comes often, and now and then there is no room.
const SIZE: u64 = 8192;
const SUB: u64 = 1024;

/// Events of many lengths; one in so many is followed by a look at the ring.
pub struct Traces {
    trace: Trace,
    /// Held by whoever reads: the time of the last event on each CPU.
    reading: Mutex<Vec<u64>>,
    recorded: AtomicU64,
    /// Events that were read and are right.
    read: AtomicU64,
    lost_before: u64,
}

impl Default for Traces {
    fn default() -> Self {
        let trace = Trace::new();
        let slots = perseq::cpu::possible();
        (0..slots).for_each(|cpu| trace.begin(cpu, SIZE, SUB, SUB));
        let lost_before = trace.lost();
        let (recorded, read) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { trace, reading: Mutex::new(vec![0; slots as usize]), recorded, read, lost_before }
    }
}

impl Traces {
    /// One event, after it perhaps what is in the ring. Async-signal-safe.
    fn change_by(&self, record: impl FnOnce(&Trace, u64)) -> u64 {
        let turn = self.recorded.fetch_add(1, Ordering::Relaxed);
        record(&self.trace, turn);
        if turn.is_multiple_of(61) {
            self.read(perseq::cpu::current());
        }
        1
    }

    /// Reads the ring of `cpu`, unless somebody reads.
    fn read(&self, cpu: u32) {
        let Ok(mut last) = self.reading.try_lock() else { return };
        let last = &mut last[cpu as usize];
        self.trace.read(cpu, |event| {
            // What is torn, or comes after what is younger, is missed in the sum.
            let right = event.fill.is_some() && *last <= event.time;
            self.read.fetch_add(u64::from(right), Ordering::Relaxed);
            *last = (*last).max(event.time);
        });
    }

    fn sum(&self) -> u64 {
        (0..perseq::cpu::possible()).for_each(|cpu| self.read(cpu));
        self.read.load(Ordering::Relaxed) + self.trace.lost() - self.lost_before
    }
}

impl Subject for Traces {
    fn name(&self) -> &'static str {
        "the rings of a tracer"
    }
    fn change(&self) -> u64 {
        self.change_by(|trace, turn| match turn % 7 {
            0..3 => trace.record_word(turn as u8),
            length => trace.record_words(length as u32 * 5, turn as u8),
        })
    }
    fn change_on(&self, cpu: u32) -> u64 {
        self.read(cpu);
        // One that is missed, if it is not as it must be.
        u64::from(self.trace.is_whole(cpu) == Some(false))
    }
    fn take(&self) -> u64 {
        self.read(perseq::cpu::current());
        self.read.swap(0, Ordering::Relaxed)
    }
    fn sum(&self) -> u64 {
        self.sum()
    }
}

/// The same, where events are recorded by plain loads and stores.
#[derive(Default)]
pub struct TornTraces(Traces);

impl Subject for TornTraces {
    fn name(&self) -> &'static str {
        "the rings of a tracer that has no sequence"
    }
    fn change(&self) -> u64 {
        self.0.change_by(|trace, turn| trace.record_unprotected(turn as u8))
    }
    fn sum(&self) -> u64 {
        self.0.sum()
    }
}
