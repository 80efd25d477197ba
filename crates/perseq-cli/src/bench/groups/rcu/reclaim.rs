//! The crates that free objects later, of whatever kind and number: `crossbeam-epoch`, `seize`, `haphazard`.

use std::any::Any;
use std::mem::forget;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crossbeam_epoch::{Atomic, Guard as Pinned, Owned, Shared};
use haphazard::{Domain, HazardPointer};
use seize::Guard as _;

use super::scheme::{Defers, Freed, Holds, Object, Replaces, Scheme, expected};
use crate::bench::group::Op;
use crate::bench::hot::{Sums, sums};
use crate::bench::lanes::forever;

/// Crate `crossbeam-epoch`, with its own collector for all.
pub struct Crossbeam(Atomic<Object>);

impl Crossbeam {
    pub fn new() -> Self {
        Self(Atomic::new(Object::new()))
    }

    /// Frees an object when nobody can read it any more.
    ///
    /// # Safety
    /// Nobody finds it any more, and it is not deferred twice.
    #[inline(always)]
    unsafe fn defer(object: Shared<'_, Object>, guard: &Pinned) {
        // SAFETY: the caller's promise; it came from an `Owned`, and can be dropped on any thread.
        unsafe { guard.defer_destroy(object) }
    }
}

impl Scheme for Crossbeam {
    fn name(&self) -> &'static str {
        "crossbeam-epoch"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let expected = expected();
        Ok(sums!({
            let guard = crossbeam_epoch::pin();
            // SAFETY: there always is an object, and it is destroyed when the guard has gone.
            unsafe { self.0.load(Acquire, &guard).deref() }.is(expected)
        }))
    }

    unsafe fn settle(&'static self) {
        // Each advances the epoch, and frees a few hundred objects.
        for _ in 0..16 {
            crossbeam_epoch::pin().flush();
        }
    }
}

impl Defers for Crossbeam {
    fn defers(&'static self, freed: &'static Freed) -> Result<Op, String> {
        Ok(Box::new(move |n| {
            for _ in 0..n {
                let guard = crossbeam_epoch::pin();
                let object = Owned::new(Object::counted(freed)).into_shared(&guard);
                // SAFETY: it was never published.
                unsafe { Self::defer(object, &guard) };
            }
            crossbeam_epoch::pin().flush();
        }))
    }
}

impl Replaces for Crossbeam {
    fn replaces(&'static self) -> Result<Box<dyn FnMut()>, String> {
        Ok(Box::new(|| {
            let guard = crossbeam_epoch::pin();
            let old = self.0.swap(Owned::new(Object::new()), AcqRel, &guard);
            // SAFETY: it has just been taken away, by nobody else.
            unsafe { Self::defer(old, &guard) };
        }))
    }
}

impl Holds for Crossbeam {
    fn hold(&'static self, objects: u64) -> Result<Box<dyn Any>, String> {
        // Not in the collector for all, which would be held up for good.
        let collector = crossbeam_epoch::Collector::new();
        let (reader, writer) = (collector.register(), collector.register());
        forget(reader.pin());
        for _ in 0..objects {
            let guard = writer.pin();
            let object = Owned::new(Object::new()).into_shared(&guard);
            // SAFETY: it was never published.
            unsafe { Self::defer(object, &guard) };
        }
        forget((collector, reader, writer));
        Ok(Box::new(()))
    }
}

/// Crate `seize`.
pub struct Seize {
    collector: seize::Collector,
    published: AtomicPtr<Object>,
}

impl Seize {
    pub fn new() -> Self {
        Self { collector: seize::Collector::new(), published: AtomicPtr::new(boxed(Object::new())) }
    }

    /// Frees an object when nobody can read it any more.
    ///
    /// # Safety
    /// It came from a box, nobody finds it any more, and it is not retired twice.
    #[inline(always)]
    unsafe fn retire(collector: &seize::Collector, object: *mut Object) {
        // SAFETY: the caller's promise.
        unsafe { collector.retire(object, seize::reclaim::boxed) }
    }
}

impl Scheme for Seize {
    fn name(&self) -> &'static str {
        "seize"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let expected = expected();
        Ok(sums!({
            let guard = self.collector.enter();
            // SAFETY: there always is an object, and it is freed when the guard has gone.
            unsafe { &*guard.protect(&self.published, Acquire) }.is(expected)
        }))
    }

    unsafe fn settle(&'static self) {
        // SAFETY: the guards live in loops, of which none runs; what was retired cannot be found.
        unsafe { self.collector.reclaim_all() }
    }
}

impl Defers for Seize {
    fn defers(&'static self, freed: &'static Freed) -> Result<Op, String> {
        Ok(Box::new(move |n| {
            for _ in 0..n {
                // SAFETY: it came from a box, and was never published.
                unsafe { Self::retire(&self.collector, boxed(Object::counted(freed))) };
            }
            self.collector.enter().flush();
        }))
    }
}

impl Replaces for Seize {
    fn replaces(&'static self) -> Result<Box<dyn FnMut()>, String> {
        Ok(Box::new(|| {
            let old = self.published.swap(boxed(Object::new()), AcqRel);
            // SAFETY: it came from a box, and has just been taken away, by nobody else.
            unsafe { Self::retire(&self.collector, old) };
        }))
    }
}

impl Holds for Seize {
    fn hold(&'static self, objects: u64) -> Result<Box<dyn Any>, String> {
        let collector: &seize::Collector = forever(seize::Collector::new());
        forget(collector.enter_owned());
        for _ in 0..objects {
            // SAFETY: it came from a box, and was never published.
            unsafe { Self::retire(collector, boxed(Object::new())) };
        }
        Ok(Box::new(()))
    }
}

/// Crate `haphazard`: hazard pointers, of which each reader keeps one.
pub struct Haphazard(haphazard::AtomicPtr<Object>);

impl Haphazard {
    pub fn new() -> Self {
        Self(haphazard::AtomicPtr::from(Box::new(Object::new())))
    }

    /// Makes an object, and frees it when nobody protects it.
    #[inline(always)]
    fn defer(object: Object) {
        // SAFETY: it came from a box, was never published, and is retired once, in the domain of all hazard pointers here.
        unsafe { Domain::global().retire_ptr::<Object, Box<Object>>(boxed(object)) };
    }
}

impl Scheme for Haphazard {
    fn name(&self) -> &'static str {
        "haphazard"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let mut pointer = HazardPointer::new();
        let expected = expected();
        Ok(sums!({
            // SAFETY: the pointer leads to an object that is never freed.
            let found = unsafe { self.0.load(&mut pointer) }.map_or(0, |object| object.is(expected));
            pointer.reset_protection();
            found
        }))
    }

    unsafe fn settle(&'static self) {
        Domain::global().eager_reclaim();
    }
}

impl Defers for Haphazard {
    fn defers(&'static self, freed: &'static Freed) -> Result<Op, String> {
        Ok(Box::new(move |n| (0..n).for_each(|_| Self::defer(Object::counted(freed)))))
    }
}

impl Holds for Haphazard {
    fn hold(&'static self, objects: u64) -> Result<Box<dyn Any>, String> {
        let mut pointer = HazardPointer::new();
        // SAFETY: the pointer leads to an object that is never freed.
        unsafe { self.0.load(&mut pointer) };
        (0..objects).for_each(|_| Self::defer(Object::new()));
        Ok(Box::new(pointer))
    }
}

fn boxed(object: Object) -> *mut Object {
    Box::into_raw(Box::new(object))
}
