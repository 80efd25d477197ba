//! Schemes that are simple, or that protect one object and no more: none at all, locks, reference counts, two copies.

use std::any::Any;
use std::sync::atomic::{
    AtomicPtr, Ordering,
    Ordering::{Acquire, SeqCst},
};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use left_right::{Absorb, ReadHandleFactory, WriteHandle};

use super::scheme::{Holds, Object, Replaces, Scheme, Waits, expected};
use crate::bench::group::Op;
use crate::bench::hot::{Sums, sums};
use crate::bench::lanes;
use crate::sys;

/// A pointer that is loaded and followed without protection: what any scheme has to do besides protecting.
pub struct Bare(AtomicPtr<Object>);

impl Bare {
    /// The object is never freed.
    pub fn new() -> Self {
        Self(AtomicPtr::new(Box::into_raw(Box::new(Object::new()))))
    }

    /// The object, which stays.
    #[inline(always)]
    fn object(&self) -> &'static Object {
        // SAFETY: the object is in a box that is never freed, and nobody writes to it.
        unsafe { &*self.0.load(Acquire) }
    }
}

impl Scheme for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let expected = expected();
        Ok(sums!(self.object().is(expected)))
    }
}

/// The read side of a scheme that counts readers for each CPU by atomic additions: the one that was published beside that
/// with restartable sequences.
pub struct Counted(Bare);

impl Counted {
    /// The object is never freed.
    pub fn new() -> Self {
        Self(Bare::new())
    }
}

impl Scheme for Counted {
    fn name(&self) -> &'static str {
        "sched_getcpu_lock_add"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        sys::has_getcpu()?;
        let lanes = lanes::for_possible_cpus();
        let expected = expected();
        Ok(sums!({
            lanes[sys::sched_getcpu()].0[0].fetch_add(1, SeqCst);
            let found = self.0.object().is(expected);
            lanes[sys::sched_getcpu()].0[1].fetch_add(1, Ordering::Release);
            found
        }))
    }
}

/// Crate `arc-swap`.
pub struct Swap(ArcSwap<Object>);

impl Swap {
    pub fn new() -> Self {
        Self(ArcSwap::from_pointee(Object::new()))
    }
}

impl Scheme for Swap {
    fn name(&self) -> &'static str {
        "arc-swap"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let expected = expected();
        Ok(sums!(self.0.load().is(expected)))
    }
}

impl Replaces for Swap {
    fn replaces(&'static self) -> Result<Box<dyn FnMut()>, String> {
        Ok(Box::new(|| self.0.store(Arc::new(Object::new()))))
    }
}

impl Holds for Swap {
    fn hold(&'static self, objects: u64) -> Result<Box<dyn Any>, String> {
        let guard = self.0.load();
        for _ in 0..objects {
            self.0.store(Arc::new(Object::new()));
        }
        Ok(Box::new(guard))
    }
}

/// The reader-writer lock of the standard library. Taking it to write waits for readers.
pub struct StdRwLock(std::sync::RwLock<Box<Object>>);

impl StdRwLock {
    pub fn new() -> Self {
        Self(std::sync::RwLock::new(Box::new(Object::new())))
    }
}

impl Scheme for StdRwLock {
    fn name(&self) -> &'static str {
        "std_rwlock"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let expected = expected();
        Ok(sums!(self.0.read().unwrap_or_else(PoisonError::into_inner).is(expected)))
    }
}

impl Waits for StdRwLock {
    fn waits(&'static self) -> Result<Op, String> {
        Ok(Box::new(|n| (0..n).for_each(|_| drop(self.0.write()))))
    }
}

impl Replaces for StdRwLock {
    fn replaces(&'static self) -> Result<Box<dyn FnMut()>, String> {
        Ok(Box::new(|| {
            let object = Box::new(Object::new());
            let old = std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), object);
            drop(old);
        }))
    }
}

/// The reader-writer lock of crate `parking_lot`.
pub struct ParkingLot(parking_lot::RwLock<Box<Object>>);

impl ParkingLot {
    pub fn new() -> Self {
        Self(parking_lot::RwLock::new(Box::new(Object::new())))
    }
}

impl Scheme for ParkingLot {
    fn name(&self) -> &'static str {
        "parking_lot_rwlock"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let expected = expected();
        Ok(sums!(self.0.read().is(expected)))
    }
}

impl Waits for ParkingLot {
    fn waits(&'static self) -> Result<Op, String> {
        Ok(Box::new(|n| (0..n).for_each(|_| drop(self.0.write()))))
    }
}

impl Replaces for ParkingLot {
    fn replaces(&'static self) -> Result<Box<dyn FnMut()>, String> {
        Ok(Box::new(|| {
            let object = Box::new(Object::new());
            let old = std::mem::replace(&mut *self.0.write(), object);
            drop(old);
        }))
    }
}

/// Crate `left-right`: two copies, and a writer who waits until readers have left the one that it is about to change.
pub struct LeftRight {
    /// There is one.
    writer: Mutex<WriteHandle<Object, ()>>,
    readers: ReadHandleFactory<Object>,
}

/// Nothing is changed: what is measured is the waiting.
impl Absorb<()> for Object {
    fn absorb_first(&mut self, _operation: &mut (), _other: &Self) {}

    fn sync_with(&mut self, _first: &Self) {}
}

impl LeftRight {
    pub fn new() -> Self {
        let (mut writer, reader) = left_right::new::<Object, ()>();
        // The first does not wait.
        writer.publish();
        Self { readers: reader.factory(), writer: Mutex::new(writer) }
    }
}

impl Scheme for LeftRight {
    fn name(&self) -> &'static str {
        "left-right"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let reader = self.readers.handle();
        let expected = expected();
        Ok(sums!(reader.enter().map_or(0, |object| object.is(expected))))
    }
}

impl Waits for LeftRight {
    fn waits(&'static self) -> Result<Op, String> {
        Ok(Box::new(|n| {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..n {
                writer.publish();
            }
        }))
    }
}
