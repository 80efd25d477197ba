//! A restartable read of what all CPUs share, and a writer that gives it back: right with a fence in between, and wrong without.

use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use perseq::fence::quiesce_all;
use perseq::model::{Model, shared_access};
use perseq::section::{Protected, Slots};
use perseq::sequence;

struct Record {
    first: u64,
    second: u64,
}

struct Place {
    pointer: *mut Record,
}

/// A record that is published, and how many read it on the slow path.
struct Shared {
    pointer: AtomicPtr<Record>,
    readers: Cell<u32>,
    record: *mut Record,
}

// SAFETY: the item is the pointer, which is only ever replaced by atomic stores.
unsafe impl Slots for Shared {
    type Item = Place;
    const PER_CPU: bool = false;
    const SHIFT: u32 = 0;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = 0;
    fn base(&self) -> *mut u8 {
        self.pointer.as_ptr().cast()
    }
}

impl Protected for Shared {
    fn protected<R>(&self, f: impl FnOnce(*mut Place, u32, u32) -> R) -> R {
        shared_access();
        self.readers.set(self.readers.get() + 1);
        shared_access();
        let result = f(self.pointer.as_ptr().cast(), 0, 0);
        shared_access();
        self.readers.set(self.readers.get() - 1);
        result
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: made by `shared`, and nobody reads it any more.
        drop(unsafe { Box::from_raw(self.record) });
    }
}

sequence! {
    unsafe fn read(shared: &Shared) -> Option<(u64, u64)> {
        let record: *mut Record = shared.pointer;
        if record.is_null() { return None; }
        let first: u64 = (*record).first;
        let second: u64 = (*record).second;
        Some((first, second))
    }
}

fn shared() -> Shared {
    let record = Box::into_raw(Box::new(Record { first: 1, second: 1 }));
    Shared { pointer: AtomicPtr::new(record), readers: Cell::new(0), record }
}

fn reader(shared: &Shared) {
    // SAFETY: the record lives as long as the model's data; what is wrong is what it holds.
    if let Some((first, second)) = unsafe { read(shared) } {
        assert_eq!((first, second), (1, 1), "a record that was given back");
    }
}

/// Unpublishes the record, and spoils it when nobody reads it any more.
fn writer(shared: &Shared, fence: bool) {
    shared_access();
    shared.pointer.store(null_mut(), Ordering::Release);
    if fence {
        quiesce_all().expect("a fence");
    }
    shared_access();
    if shared.readers.get() > 0 {
        return;
    }
    // SAFETY: the record lives; the threads of a model are one thread of the system.
    unsafe {
        (&raw mut (*shared.record).first).write(2);
        shared_access();
        (&raw mut (*shared.record).second).write(2);
    }
}

#[test]
fn a_record_is_not_given_back_under_a_restartable_read() {
    let model =
        Model::new(shared).thread(reader).thread_on(1, reader).thread_on(2, |shared| writer(shared, true));
    let explored = model.check();
    assert!(explored.states() > 100, "{explored}");
}

#[test]
fn without_a_fence_a_record_is_given_back_under_a_restartable_read() {
    let model = Model::new(shared).thread(reader).thread_on(1, |shared| writer(shared, false));
    let failure = model.explore().expect_err("the model must fail");
    println!("{failure}");
    assert!(failure.message().contains("a record that was given back"), "{failure}");
    assert!(failure.to_string().contains("read: load (*record).first"), "{failure}");
}
