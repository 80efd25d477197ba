//! Aborting the calling thread at chosen instructions while an operation runs.
//!
//! Invariant: while a [`Trap`] is the current one of its thread, every such signal of that thread is its; its patches are in place
//! only inside [`Trap::during`], and not while an interference runs, so only the operation itself is ever trapped.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ptr::null;
use std::sync::Once;

use super::arch;
use super::patch::Patch;
use super::sections::Section;

/// How often a plan interferes at the instruction that it aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once: the next attempt succeeds.
    Once,
    /// At every attempt: if that aborts, only the slow path can finish.
    Always,
}

impl fmt::Display for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Once => "once",
            Self::Always => "at every attempt",
        })
    }
}

/// Where to interfere.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'s> {
    /// The section aimed at.
    pub section: &'s Section,
    /// The address of the instruction before which it does: one of the section, which aborts then, or the one after it.
    pub at: u64,
    /// How often.
    pub repeat: Repeat,
    /// Sections that abort at their first instruction, always: without that the one aimed at is not reached.
    pub before: &'s [&'s Section],
}

/// More hits than any bounded number of retries explains.
const ENDLESS: u64 = 1000;

/// Aborts or watches the operations that it is given.
pub struct Trap {
    means: Means,
    interference: Cell<*const (dyn Fn() + 'static)>,
    hits: Cell<u64>,
    /// Of these, how many were inside a section.
    aborts: Cell<u64>,
    on_target: Cell<u64>,
    /// Of these, how many led to where they should not.
    astray: Cell<u64>,
}

enum Means {
    Points(Vec<Point>),
    /// The sections that were entered, in order, by their numbers.
    Visits(RefCell<Vec<usize>>),
}

struct Point {
    patch: Patch,
    /// It is in the section, so the section aborts.
    inside: bool,
    /// Where the section goes on then.
    abort_ip: u64,
    target: bool,
    on: Cell<bool>,
    repeat: Repeat,
}

impl Point {
    fn new(section: &Section, at: u64, target: bool, repeat: Repeat) -> io::Result<Self> {
        let (inside, abort_ip) = (section.descriptor.contains(at), section.descriptor.abort_ip);
        Ok(Self { patch: Patch::new(at)?, inside, abort_ip, target, on: Cell::new(true), repeat })
    }
}

/// Aborts every section at its first instruction, in every thread, until dropped.
pub(super) struct Watch {
    patches: Vec<Patch>,
    /// The section of each abort handler.
    abort_handlers: HashMap<u64, usize>,
}

impl Watch {
    /// # Errors
    /// As [`Patch::new`].
    pub(super) fn over(sections: &[Section]) -> io::Result<Self> {
        install_handler();
        let descriptors = || sections.iter().map(|section| section.descriptor);
        let patches =
            descriptors().map(|descriptor| Patch::new(descriptor.start_ip)).collect::<Result<Vec<_>, _>>()?;
        let abort_handlers = descriptors().map(|descriptor| descriptor.abort_ip).zip(0..).collect();
        patches.iter().for_each(|patch| patch.set(true));
        Ok(Self { patches, abort_handlers })
    }

    /// The sections that `operation` enters when everything aborts, in order.
    pub(super) fn visits(&self, operation: impl FnOnce(&Trap)) -> Vec<usize> {
        // The handler must not allocate, so this has to be enough; what goes on beyond it is without end.
        let trap = Trap::new(Means::Visits(RefCell::new(Vec::with_capacity(ENDLESS as usize))));
        WATCH.set(self);
        operation(&trap);
        WATCH.set(null());
        match trap.means {
            Means::Points(_) => Vec::new(),
            Means::Visits(visits) => visits.into_inner(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.patches.clear();
    }
}

thread_local! {
    static CURRENT: Cell<*const Trap> = const { Cell::new(null()) };
    static WATCH: Cell<*const Watch> = const { Cell::new(null()) };
}

impl Trap {
    /// A trap that aborts by `plan`.
    ///
    /// # Errors
    /// If the code cannot be written.
    pub fn by(plan: &Plan<'_>) -> io::Result<Self> {
        let mut points = vec![Point::new(plan.section, plan.at, true, plan.repeat)?];
        for section in plan.before {
            points.push(Point::new(section, section.descriptor.start_ip, false, Repeat::Always)?);
        }
        Ok(Self::new(Means::Points(points)))
    }

    /// A trap that aborts nothing.
    pub(super) fn nowhere() -> Self {
        Self::new(Means::Points(Vec::new()))
    }

    fn new(means: Means) -> Self {
        install_handler();
        Self {
            means,
            interference: Cell::new(&raw const NOTHING),
            hits: Cell::new(0),
            aborts: Cell::new(0),
            on_target: Cell::new(0),
            astray: Cell::new(0),
        }
    }

    /// Runs `operation`, aborting it where planned; at each abort `interference` runs, as another thread would on this CPU.
    /// The interference must be async-signal-safe and must not panic.
    pub fn during<R>(&self, operation: impl FnOnce() -> R, interference: &dyn Fn()) -> R {
        // SAFETY: only the lifetime changes; `Armed` takes the pointer away again before this function returns or unwinds.
        let interference: *const (dyn Fn() + 'static) =
            unsafe { std::mem::transmute(&raw const *interference) };
        self.interference.set(interference);
        let armed = Armed::new(self);
        let result = operation();
        drop(armed);
        result
    }

    /// How often the interference ran.
    pub fn interferences(&self) -> u64 {
        self.hits.get()
    }

    /// How often it ran while an operation was inside a section, which it aborted; so before the operation took effect. The other
    /// times it ran right after a section.
    pub fn interferences_first(&self) -> u64 {
        self.aborts.get()
    }

    /// How often the instruction aimed at was reached.
    pub(super) fn on_target(&self) -> u64 {
        self.on_target.get()
    }

    /// How often a section went on where it should have aborted, or aborted after its end.
    pub(super) fn astray(&self) -> u64 {
        self.astray.get()
    }

    /// Whether attempts went on beyond any bound.
    pub(super) fn endless(&self) -> bool {
        self.hits.get() >= ENDLESS
    }

    fn set_enabled(&self, enabled: bool) {
        if let Means::Points(points) = &self.means {
            points.iter().filter(|point| point.on.get()).for_each(|point| point.patch.set(enabled));
        }
    }

    /// In the handler: the thread is at `pc`. Says where it must go on instead, if so.
    fn hit(&self, points: &[Point], pc: u64) -> Option<u64> {
        let stopped = |point: &&Point| pc == point.patch.at + arch::TRAP_ADVANCES;
        let point =
            points.iter().find(stopped).or_else(|| points.iter().find(|point| pc == point.abort_ip))?;
        let aborted = pc == point.abort_ip;
        self.set_enabled(false);
        let count = |counter: &Cell<u64>, counted| counter.set(counter.get() + u64::from(counted));
        count(&self.hits, true);
        count(&self.aborts, point.inside);
        count(&self.on_target, point.target);
        count(&self.astray, aborted != point.inside);
        // A thread that was not aborted has to run the instruction that stands there.
        if point.repeat == Repeat::Once || !aborted || self.endless() {
            point.on.set(false);
        }
        // SAFETY: `during` keeps the closure alive while patches are in place.
        unsafe { (*self.interference.get())() };
        self.set_enabled(true);
        (!aborted).then_some(point.patch.at)
    }
}

/// The interference of a trap that is not armed.
static NOTHING: fn() = || {};

/// A trap in effect.
struct Armed<'t>(&'t Trap);

impl<'t> Armed<'t> {
    fn new(trap: &'t Trap) -> Self {
        assert!(CURRENT.get().is_null(), "an operation under a trap sets another");
        CURRENT.set(trap);
        trap.set_enabled(true);
        Self(trap)
    }
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        self.0.set_enabled(false);
        CURRENT.set(null());
        self.0.interference.set(&raw const NOTHING);
    }
}

fn install_handler() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: zeros are a valid `sigaction`: no flags, nothing blocked.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_trap as *const () as usize;
        // On the thread's own stack: the alternate one is too small for an interference.
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: the handler has the type that SA_SIGINFO asks for.
        let failed = unsafe { libc::sigaction(arch::TRAP_SIGNAL, &raw const action, std::ptr::null_mut()) };
        assert_eq!(failed, 0, "the signal can be handled");
    });
}

extern "C" fn on_trap(_signal: i32, _info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) {
    // SAFETY: no trap, or one that `Armed` keeps alive; no watch, or one that `visits` keeps.
    let (trap, watch) = unsafe { (CURRENT.get().as_ref(), WATCH.get().as_ref()) };
    // SAFETY: `errno` belongs to the thread, and the code that was interrupted wants it back.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the kernel gave it.
    let pc = unsafe { arch::pc(context) };
    match trap.map(|trap| (trap, &trap.means)) {
        Some((trap, Means::Points(points))) => {
            if let Some(at) = trap.hit(points, pc) {
                // SAFETY: as above; the instruction at `at` is there again.
                unsafe { arch::set_pc(context, at) };
            }
        }
        Some((_, Means::Visits(visits))) => {
            let mut visits = visits.borrow_mut();
            if let Some(&section) = watch.and_then(|watch| watch.abort_handlers.get(&pc))
                && visits.len() < visits.capacity()
            {
                visits.push(section);
            }
        }
        // A section outside of any operation, while all are watched: it is aborted, and that is all.
        None => {}
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}
