//! One schedule: logical threads that take turns on the calling thread.
//!
//! Each logical thread is a coroutine that gives the turn back before each of its operations. Then [`Run::decide`] follows the
//! script of the schedule, and beyond its end lets the same thread go on; there [`Explore`] notes what else could have happened.
//!
//! # What a state is
//! Two points of two schedules are the same state if the same can follow. That is told by a hash of
//!
//! - where each thread is, and what it knows: its *history*, a hash over the results of its operations. What a section has loaded
//!   counts while the section is under way; when it ends only its results do, and what it has copied to elsewhere than slots; an abort
//!   forgets it;
//! - what is in memory ([`Memory`]): in the slots that were touched, and in the words outside of them that sections have stored;
//! - the order of those accesses that are not told further ([`Run::plain`]).
//!
//! Addresses differ from run to run, so they are named: a slot by the order in which slots were made, another object by when it
//! was first seen. (Where that depends on the schedule, some states are told apart that are the same: it costs time only.)

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, RefCell};
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicU32, Ordering};
use std::panic::catch_unwind;

use corosensei::stack::{DefaultStack, Stack as _};
use corosensei::{Coroutine, Yielder};

use super::explore::Explore;
use super::memory::{Memory, mix};
use super::thread::{Failed, State, Thread};
use crate::sys::SignalsHeld;

std::thread_local! {
    /// The run whose logical thread, or observer, the calling thread is at the moment.
    static CURRENT: Cell<*const Run> = const { Cell::new(core::ptr::null()) };
}

/// Calls `f` with the run, if there is one. While a panic unwinds there is none: what destructors do then is not explored.
pub(super) fn with<R>(f: impl FnOnce(&Run) -> R) -> Option<R> {
    let run = CURRENT.get();
    if run.is_null() || std::thread::panicking() {
        return None;
    }
    // SAFETY: set by `run`, which unsets it before the run goes away.
    Some(f(unsafe { &*run }))
}

/// The id of whoever looks on, and of thread 0; those of the others follow.
const OBSERVER: u32 = 1;

/// An operation of a schedule, for people.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Step {
        thread: usize,
        cpu: u32,
        what: String,
    },
    /// What became of the step before.
    Remark(&'static str),
    Preempted {
        thread: usize,
        by: usize,
        aborts: bool,
    },
    Aborted {
        thread: usize,
    },
}

/// Why a schedule failed.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Panicked { thread: Option<usize>, message: String },
    Deadlock,
    Endless,
    Unrepeatable,
    TooLarge(usize),
}

/// See the [module](self).
pub(super) struct Run {
    pub(super) threads: RefCell<Vec<Thread>>,
    /// The thread whose turn it is; `None` for the observer.
    pub(super) turn: Cell<Option<usize>>,
    pub(super) memory: RefCell<Memory>,
    /// Gates that threads own.
    pub(super) owned: Cell<isize>,
    pub(super) clock: Cell<u64>,
    /// Hash of the accesses that are not told further.
    pub(super) untold: Cell<u64>,
    pub(super) decisions: Cell<u32>,
    pub(super) explore: Rc<RefCell<Explore>>,
    pub(super) events: Option<RefCell<Vec<Event>>>,
    pub(super) verdict: RefCell<Option<Verdict>>,
}

/// A thread's code.
type Code<'c, S> = &'c dyn Fn(&S);

/// What a run is made of.
pub(super) struct Parts<'c, S> {
    pub(super) setup: &'c dyn Fn() -> S,
    /// CPUs, and what is done there.
    pub(super) threads: Vec<(u32, Code<'c, S>)>,
    pub(super) invariant: Option<Code<'c, S>>,
    pub(super) finally: Option<Code<'c, S>>,
}

/// What came of a run.
pub(super) struct Ran {
    pub(super) verdict: Option<Verdict>,
    pub(super) events: Vec<Event>,
    pub(super) decisions: u32,
}

/// Runs the schedule that `explore` has the script of.
pub(super) fn run<S>(
    parts: &Parts<'_, S>,
    explore: &Rc<RefCell<Explore>>,
    trace: bool,
    stacks: &mut Stacks,
) -> Ran {
    let run = Run {
        threads: RefCell::new(parts.threads.iter().map(|&(cpu, _)| Thread::new(cpu)).collect()),
        turn: Cell::new(None),
        memory: RefCell::default(),
        owned: Cell::new(0),
        clock: Cell::new(0),
        untold: Cell::new(0),
        decisions: Cell::new(0),
        explore: Rc::clone(explore),
        events: trace.then(RefCell::default),
        verdict: RefCell::new(None),
    };
    // Of the thread of the system, which is all logical ones: no handler of its signals runs among them.
    let _signals = SignalsHeld::new();
    let _during = Switched::to(&run);
    if let Some(shared) = run.observe(parts.setup) {
        run.memory.borrow_mut().region((&raw const shared).addr(), size_of::<S>(), 0);
        run.turns(&shared, parts, stacks);
        if run.verdict.borrow().is_none()
            && let Some(finally) = parts.finally
        {
            run.observe(|| finally(&shared));
        }
        if run.verdict.borrow().is_some() {
            // What threads have left by halves cannot be dropped; the exploration ends here.
            core::mem::forget(shared);
        } else {
            run.observe(|| drop(shared));
        }
    }
    Ran {
        verdict: run.verdict.take(),
        events: run.events.as_ref().map(RefCell::take).unwrap_or_default(),
        decisions: run.decisions.get(),
    }
}

/// While this lives, the calling thread is that of a run, or of none.
pub(crate) struct Switched(*const Run);

impl Switched {
    fn to(run: *const Run) -> Self {
        Self(CURRENT.replace(run))
    }

    /// To none.
    pub(crate) fn outside() -> Self {
        Self::to(core::ptr::null())
    }
}

impl Drop for Switched {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Stacks of coroutines that have ended.
pub(super) type Stacks = Vec<DefaultStack>;

/// Bytes of a stack.
const STACK: usize = 1 << 20;

impl Run {
    /// Lets the threads take turns until all have ended, or the verdict is in.
    fn turns<S>(&self, shared: &S, parts: &Parts<'_, S>, stacks: &mut Stacks) {
        let mut coroutines: Vec<_> = (0..parts.threads.len())
            .map(|me| {
                let stack = stacks.pop().or_else(|| DefaultStack::new(STACK).ok());
                let stack = stack.expect("the system has memory for a stack");
                let (low, high) = (stack.limit().get(), stack.base().get());
                self.memory.borrow_mut().region(low, high - low, me as u64);
                let code = parts.threads[me].1;
                let body = move |yielder: &Yielder<(), ()>, ()| {
                    self.thread(|me| {
                        me.yielder = yielder;
                        me.learn(STEP);
                    });
                    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| code(shared))) {
                        self.panicked(Some(me), &*payload);
                    }
                };
                // SAFETY: what the coroutine borrows outlives it: below it ends, or is given up.
                unsafe { Coroutine::with_stack_unchecked(stack, body) }
            })
            .map(Some)
            .collect();
        let invariant =
            || parts.invariant.is_none_or(|invariant| self.observe(|| invariant(shared)).is_some());
        while let Some(me) = self.decide(&invariant) {
            if let Some(coroutine) =
                coroutines[me].take_if(|coroutine| coroutine.resume(()).as_return().is_some())
            {
                stacks.push(coroutine.into_stack());
                self.threads.borrow_mut()[me].state = State::Done;
            }
        }
        for mut coroutine in coroutines.into_iter().flatten() {
            // SAFETY: what is on the stack is forgotten, with all it borrows, and never looked at again.
            unsafe { coroutine.force_reset() };
        }
    }

    /// Does something between the turns, with operations that nobody interrupts; `None` if it panicked.
    fn observe<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        let turn = self.turn.replace(None);
        let done = catch_unwind(AssertUnwindSafe(f));
        self.turn.set(turn);
        done.map_err(|payload| self.panicked(None, &*payload)).ok()
    }

    fn panicked(&self, thread: Option<usize>, payload: &dyn Any) {
        let message = payload.downcast_ref::<&str>().map(ToString::to_string);
        let message = message.or_else(|| payload.downcast_ref::<String>().cloned());
        let message = message.unwrap_or_else(|| "a panic without a message".to_string());
        self.judge(Verdict::Panicked { thread, message });
    }

    /// The first verdict stands.
    pub(super) fn judge(&self, verdict: Verdict) {
        self.verdict.borrow_mut().get_or_insert(verdict);
    }

    pub(super) fn note(&self, event: impl FnOnce() -> Event) {
        if let Some(events) = &self.events {
            events.borrow_mut().push(event());
        }
    }

    /// Changes the thread whose turn it is; nothing for the observer.
    pub(super) fn thread<R>(&self, f: impl FnOnce(&mut Thread) -> R) -> Option<R> {
        self.turn.get().map(|me| f(&mut self.threads.borrow_mut()[me]))
    }

    fn happened(&self, what: impl FnOnce() -> String) {
        if let Some(thread) = self.turn.get() {
            let cpu = self.threads.borrow()[thread].cpu;
            self.note(|| Event::Step { thread, cpu, what: what() });
        }
    }

    /// Lets the schedule say who goes on, and comes back when that is the calling thread; nothing for the observer.
    fn give(&self) {
        let Some(me) = self.turn.get() else { return };
        let yielder = self.threads.borrow()[me].yielder;
        // SAFETY: set when the coroutine began, which is running.
        unsafe { &*yielder }.suspend(());
    }

    pub(super) fn step(&self, what: &'static str) {
        self.give();
        self.thread(|me| me.learn(STEP));
        self.happened(|| what.to_string());
    }

    /// The thread sees what is in memory.
    pub(super) fn look(&self) {
        self.thread(|me| me.learn(self.memory.borrow().hash(self.clock.get())));
    }

    /// The thread sees what is in memory, and may see and change something that is not told.
    pub(super) fn plain(&self) {
        self.look();
        self.thread(|me| {
            self.untold.set(mix(self.untold.get(), me.history));
            me.learn(self.untold.get());
        });
    }

    pub(super) fn cpu(&self) -> u32 {
        self.thread(|me| me.cpu).unwrap_or(0)
    }

    pub(super) fn thread_id(&self) -> u32 {
        self.turn.get().map_or(OBSERVER, |me| OBSERVER + 1 + me as u32)
    }

    /// Whether a section that has failed is attempted again. However often it was aborted, that may be.
    pub(super) fn again(&self) -> bool {
        if self.thread(|me| me.failed) == Some(Some(Failed::Aborted)) {
            self.give();
        }
        let again = self.thread(|me| {
            let again = me.failed.is_none();
            if !again {
                me.failed = None;
                me.learn(GAVE_UP);
            }
            again
        });
        again.unwrap_or(false)
    }

    /// The history of the thread.
    pub(super) fn history(&self) -> u64 {
        self.thread(|me| me.history).unwrap_or(0)
    }

    /// A sequence has ended by its slow path, before which the history was this: as [`leave`](Self::leave).
    pub(super) fn settle(&self, before: u64, results: impl Iterator<Item = (u64, bool)>) {
        let results = self.results(results);
        self.thread(|me| me.know(before, results));
    }

    pub(super) fn own(&self, by: isize) {
        self.owned.set(self.owned.get() + by);
    }

    pub(super) fn fence(&self, cpu: Option<u32>) {
        let Some(me) = self.turn.get() else { return };
        for (number, thread) in self.threads.borrow_mut().iter_mut().enumerate() {
            if number != me && thread.section.is_some() && cpu.is_none_or(|cpu| cpu == thread.cpu) {
                thread.doomed = true;
            }
        }
    }

    pub(super) fn wait(&self, word: &AtomicU32, expected: u32) {
        let waits = word.load(Ordering::Relaxed) == expected;
        if waits && self.thread(|me| me.state = State::Waiting(word)).is_none() {
            panic!("what looks on at a model would have to wait for one of its threads");
        }
        self.give();
        self.thread(|me| me.learn(STEP));
        self.happened(|| "wakes".to_string());
    }

    pub(super) fn wake(&self, word: &AtomicU32) {
        for thread in &mut *self.threads.borrow_mut() {
            if thread.state == State::Waiting(word) {
                thread.state = State::Ready;
            }
        }
    }

    /// Begins an attempt, and says on which CPU.
    pub(super) fn begin(&self) -> u32 {
        self.thread(|me| {
            me.section = Some(8);
            (me.doomed, me.exposed) = (false, true);
        });
        self.cpu()
    }

    /// The next operation of the section under way, unless that is aborted.
    pub(super) fn operate(&self, name: &str, operation: &str, what: &str) -> Option<()> {
        self.give();
        let doomed = self.thread(|me| {
            me.exposed = false;
            me.doomed
        });
        if doomed == Some(true) {
            self.fail(Failed::Aborted);
            let thread = self.turn.get();
            self.note(|| Event::Aborted { thread: thread.unwrap_or(0) });
            return None;
        }
        self.thread(|me| me.learn(STEP));
        self.happened(|| format!("{name}: {operation} {what}"));
        Some(())
    }

    /// The section found its gate closed, or no slots.
    pub(super) fn refuse(&self, why: &'static str) {
        self.fail(Failed::Refused);
        self.note(|| Event::Remark(why));
    }

    fn fail(&self, how: Failed) {
        self.thread(|me| {
            me.section = None;
            me.copied = 0;
            me.doomed = false;
            me.failed = Some(how);
        });
    }

    /// The section has ended: what it loaded is known no more, except by its results, of which some are pointers.
    pub(super) fn leave(&self, results: impl Iterator<Item = (u64, bool)>) {
        let results = self.results(results);
        self.thread(|me| {
            me.section = None;
            me.doomed = false;
            me.know(me.history, results);
        });
    }

    fn results(&self, results: impl Iterator<Item = (u64, bool)>) -> u64 {
        results.fold(7, |hash, (result, pointer)| mix(hash, self.named(result, pointer)))
    }

    /// A value without addresses.
    fn named(&self, value: u64, pointer: bool) -> u64 {
        let memory = &mut *self.memory.borrow_mut();
        let by = self.turn.get().map_or(0, |me| {
            let me = &self.threads.borrow()[me];
            mix(me.history, me.section.unwrap_or(1))
        });
        memory.name(value, pointer, by)
    }

    pub(super) fn loaded(&self, value: u64, pointer: bool) {
        let name = self.named(value, pointer);
        self.thread(|me| me.learn(name));
    }

    /// A word was stored, perhaps outside of all slots; says whether it was.
    pub(super) fn stored(&self, at: usize, value: u64, pointer: bool) -> bool {
        let name = self.named(value, pointer);
        self.thread(|me| me.exposed = true);
        self.memory.borrow_mut().stored(at, name)
    }

    /// A word was copied, perhaps to where the thread reads it without a word.
    pub(super) fn copied(&self, at: usize, value: u64) {
        if self.stored(at, value, false) {
            let name = self.named(value, false);
            self.thread(|me| me.copied = mix(me.copied, name));
        }
    }

    /// Objects will be at these addresses.
    pub(super) fn region(&self, start: usize, len: usize) {
        let by = self.thread(|me| me.history);
        self.memory.borrow_mut().region(start, len, by.unwrap_or(0));
    }

    /// Slots were made.
    pub(super) fn made(&self, base: usize) {
        let by = self.thread(|me| me.history);
        self.memory.borrow_mut().made(base, by.unwrap_or(0));
    }

    /// They are gone.
    pub(super) fn freed(&self, base: usize) {
        self.memory.borrow_mut().freed(base);
    }

    /// A slot of those at `base` is about to be changed.
    pub(super) fn touch(&self, base: usize, at: usize, bytes: usize) {
        self.memory.borrow_mut().touch(base, at, bytes);
    }

    pub(super) fn clock(&self) -> u64 {
        self.clock.set(self.clock.get() + 1);
        self.loaded(self.clock.get(), false);
        self.clock.get()
    }
}

const STEP: u64 = 5;
const GAVE_UP: u64 = 6;
