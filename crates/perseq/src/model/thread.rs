//! A logical thread: what it waits for, what it knows, and how its section stands.

use core::sync::atomic::AtomicU32;

use corosensei::Yielder;

use super::memory::mix;

/// What keeps a thread from going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    /// Until somebody wakes those who wait on this word, whatever it holds by then.
    Waiting(*const AtomicU32),
    Done,
}

/// How a section has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It may be attempted again.
    Aborted,
    /// It may not: a gate that opens meanwhile is as one that was open before.
    Refused,
}

/// A logical thread.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) cpu: u32,
    pub(super) state: State,
    pub(super) history: u64,
    /// What the section under way has seen, after the history before it.
    pub(super) section: Option<u64>,
    /// What it has copied to where the thread can read it when it has ended.
    pub(super) copied: u64,
    /// That section will be aborted.
    pub(super) doomed: bool,
    /// It begins, or has stored something since it could be aborted last. Elsewhere an abort would have the same effect as there,
    /// since what a section has only loaded is forgotten.
    pub(super) exposed: bool,
    /// Its last section was not run to its end.
    pub(super) failed: Option<Failed>,
    pub(super) yielder: *const Yielder<(), ()>,
}

impl Thread {
    pub(super) fn new(cpu: u32) -> Self {
        Self {
            cpu,
            state: State::Ready,
            history: mix(u64::from(cpu), 3),
            section: None,
            copied: 0,
            doomed: false,
            exposed: false,
            failed: None,
            yielder: core::ptr::null(),
        }
    }

    /// Adds to what the section has seen, or to the history.
    pub(super) fn learn(&mut self, what: u64) {
        let seen = self.section.as_mut().unwrap_or(&mut self.history);
        *seen = mix(*seen, what);
    }

    /// A sequence has ended, before which the history was this.
    pub(super) fn know(&mut self, before: u64, results: u64) {
        self.history = mix(before, mix(results, core::mem::take(&mut self.copied)));
    }
}
