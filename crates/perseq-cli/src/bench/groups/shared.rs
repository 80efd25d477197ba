//! Reading what all CPUs share and somebody may replace: a field of a record, through a pointer.
//!
//! Nothing is replaced while this is measured: what is compared is the price of being ready for that.

use std::ptr::NonNull;
use std::sync::RwLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use perseq::section::{Protected, Slots};
use perseq::{cpu, sequence};

use super::cpu::registered;
use crate::bench::group::{Contestant, Field, Group, Op, Setup, Threads};
use crate::bench::hot::{READS, reads};
use crate::bench::lanes::forever;

/// Reading what all CPUs share.
pub const GROUP: Group = Group {
    name: "shared",
    about: "Reading a field through a pointer that may be replaced",
    reference: "perseq",
    build,
};

fn build(_setup: &Setup) -> Field {
    let shared: &Shared = forever(Shared {
        pointer: AtomicPtr::new(std::ptr::from_mut(Box::leak(Box::new(Record { key: 7 })))),
        references: AtomicUsize::new(1),
        lock: RwLock::new(()),
    });
    let mut contestants = Vec::new();
    for threads in [Threads::One, Threads::All] {
        contestants.push(row("load", threads, move || Ok(reads!(shared.load()))));
        contestants.push(row("perseq", threads, move || {
            registered()?;
            // SAFETY: the record is there forever.
            Ok(reads!(unsafe { read(shared) } as usize))
        }));
        contestants.push(row("counted", threads, move || Ok(reads!(shared.counted()))));
        contestants.push(row("rwlock", threads, move || Ok(reads!(shared.locked()))));
    }
    let notes = vec![
        "`load` is not protected: the record can never be given back.".to_owned(),
        "In `perseq`, a writer aborts the sections of all readers before it gives the record back; in the others, readers leave a \
         mark for it."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn row(
    name: &'static str,
    threads: Threads,
    make: impl Fn() -> Result<Op, String> + Send + Sync + 'static,
) -> Contestant {
    Contestant::new(name, "", threads, READS, move |_seat| make())
}

#[repr(align(8))]
struct Record {
    key: u64,
}

/// What a sequence sees of [`Shared`].
struct Published {
    pointer: *mut Record,
}

struct Shared {
    pointer: AtomicPtr<Record>,
    references: AtomicUsize,
    lock: RwLock<()>,
}

// SAFETY: the item is the pointer, which is valid always.
unsafe impl Slots for Shared {
    type Item = Published;
    const PER_CPU: bool = false;
    const SHIFT: u32 = 0;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = 0;
    #[inline]
    fn base(&self) -> *mut u8 {
        self.pointer.as_ptr().cast()
    }
}

impl Protected for Shared {
    fn protected<R>(&self, f: impl FnOnce(*mut Published, u32, u32) -> R) -> R {
        let _reading = self.lock.read();
        f(self.pointer.as_ptr().cast(), 0, cpu::current())
    }
}

sequence! {
    /// The key, or 0 if nothing is published.
    unsafe fn read(shared: &Shared) -> u64 {
        let record: *mut Record = shared.pointer;
        if record.is_null() { return 0; }
        let key: u64 = (*record).key;
        key
    }
}

impl Shared {
    /// The key, without any protection.
    #[inline]
    fn load(&self) -> usize {
        match NonNull::new(self.pointer.load(Ordering::Acquire)) {
            // SAFETY: the record is there forever.
            Some(record) => unsafe { (*record.as_ptr()).key as usize },
            None => 0,
        }
    }

    /// With a reference that is counted.
    #[inline]
    fn counted(&self) -> usize {
        self.references.fetch_add(1, Ordering::Relaxed);
        let key = self.load();
        self.references.fetch_sub(1, Ordering::Release);
        key
    }

    /// Under a lock that readers share.
    #[inline]
    fn locked(&self) -> usize {
        let _reading = self.lock.read();
        self.load()
    }
}
