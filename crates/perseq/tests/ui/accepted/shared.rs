//! Data that all CPUs share, by its own type and by a parameter that may be slots as well.

use perseq::section::{Protected, Slots};
use perseq::sequence;

struct Place {
    pointer: *mut u64,
    uses: u64,
}

struct Shared(Place);

// SAFETY: the item is there as long as this, and nobody changes it.
unsafe impl Slots for Shared {
    type Item = Place;
    const PER_CPU: bool = false;
    const SHIFT: u32 = 0;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = 0;
    fn base(&self) -> *mut u8 {
        (&raw const self.0).cast_mut().cast()
    }
}

impl Protected for Shared {
    fn protected<R>(&self, f: impl FnOnce(*mut Place, u32, u32) -> R) -> R {
        f(self.base().cast(), 0, 0)
    }
}

// SAFETY: nobody changes what the pointer leads to.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

sequence! {
    /// What is published, and the CPU on which that was read; into `to` too.
    unsafe fn read(shared: &Shared, to: *mut u64) -> (u64, u32) {
        let pointer: *mut u64 = shared.pointer;
        if pointer.is_null() { return (0, u32::MAX); }
        let value: u64 = (*pointer);
        let cpu: u32 = cpu_id();
        stage (*to) = value;
        copy(to, &raw const shared.uses, 8);
        (value, cpu)
    }

    /// Marks what it has seen, unless it is interrupted before that.
    unsafe fn mark(shared: &Shared, mine: *mut *mut u64) -> *mut u64 {
        let pointer: *mut u64 = shared.pointer;
        commit(release) (*mine) = pointer;
        pointer
    }

    fn uses<S: Protected<Item = Place>>(slots: &S) -> u64 {
        let uses: u64 = slots.uses;
        uses
    }
}

fn main() {
    let mut seven = 7;
    let shared = Shared(Place { pointer: &raw mut seven, uses: 3 });
    let (mut to, mut mine) = (0, core::ptr::null_mut());
    // SAFETY: all these words outlive the calls.
    let (value, cpu) = unsafe { read(&shared, &raw mut to) };
    assert!(value == 7 && to == 3 && cpu < u32::MAX);
    // SAFETY: as above.
    assert_eq!(unsafe { mark(&shared, &raw mut mine) }, mine);
    assert_eq!(mine, &raw mut seven);
    assert_eq!(uses(&shared), 3);
    assert_eq!(uses(&perseq::PerCpu::new(|_cpu| Place { pointer: core::ptr::null_mut(), uses: 5 })), 5);
    std::thread::scope(|scope| drop(scope.spawn(|| assert_eq!(uses(&shared), 3))));
}
