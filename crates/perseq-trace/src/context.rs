//! What is recorded with every event, besides its time and its CPU: which process and thread it is of.
//!
//! A thread keeps it as bytes, as they are in the trace. Invariant: they are those of `GENERATION`, or are made anew; that is a new one in the child of
//! a fork, and when something else is wanted.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use perseq::fork::InChild;
use perseq_ctf::{Field, Kind};

use crate::sys;

/// What can be recorded with every event. The names are LTTng's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Context {
    /// The process id, as `vpid`.
    Pid,
    /// The thread id, as `vtid`.
    Tid,
    /// The name that the thread had when it first recorded something, as `procname`: at most 15 bytes.
    Procname,
}

impl Context {
    /// All of it, in the order in which it is recorded.
    pub const ALL: [Self; 3] = [Self::Pid, Self::Tid, Self::Procname];

    /// Its name in a trace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pid => "vpid",
            Self::Tid => "vtid",
            Self::Procname => "procname",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|context| context.name() == name)
    }

    pub(crate) fn field(self) -> Field {
        Field::new(self.name(), if self == Self::Procname { Kind::Str } else { Kind::I32 })
    }
}

/// Bytes of all of it.
const LONGEST: usize = 4 + 4 + 2 + sys::NAME;

/// It, for a thread.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Bytes {
    const NONE: Self = Self { bytes: [0; LONGEST], len: 0 };

    fn add(&mut self, bytes: &[u8]) {
        if let Some(to) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            to.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn of_this_thread() -> Self {
        let wanted = WANTED.load(Ordering::Acquire);
        let wants = |context: Context| wanted & 1 << context as u8 != 0;
        let mut made = Self::NONE;
        if wants(Context::Pid) {
            made.add(&sys::process().to_ne_bytes());
        }
        if wants(Context::Tid) {
            made.add(&sys::thread().to_ne_bytes());
        }
        if wants(Context::Procname) {
            let name = sys::name();
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            made.add(&(name.len() as u16).to_ne_bytes());
            made.add(name);
        }
        made
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

static WANTED: AtomicU32 = AtomicU32::new(0);
static GENERATION: AtomicU32 = AtomicU32::new(1);
static IN_CHILD: InChild = InChild::new(renew);

thread_local! {
    static HERE: (Cell<u32>, Cell<Bytes>) = const { (Cell::new(0), Cell::new(Bytes::NONE)) };
}

fn renew() {
    GENERATION.fetch_add(1, Ordering::Release);
}

/// Has this recorded from now on. Whoever gets it finds that all sites are off, or on in the session that wants it.
pub(crate) fn want(context: &[Context]) {
    IN_CHILD.register();
    WANTED.store(context.iter().fold(0, |wanted, context| wanted | 1 << *context as u8), Ordering::Release);
    renew();
}

/// That of the calling thread. Async-signal-safe, where thread-local storage is: in programs, and libraries that were loaded with them.
pub(crate) fn here() -> Bytes {
    let here = HERE.try_with(|(generation, bytes)| {
        let now = GENERATION.load(Ordering::Acquire);
        if generation.get() != now {
            // A handler that comes in between makes the same.
            bytes.set(Bytes::of_this_thread());
            compiler_fence(Ordering::SeqCst);
            generation.set(now);
        }
        bytes.get()
    });
    here.unwrap_or_else(|_| Bytes::of_this_thread())
}
