//! A commit into data that all CPUs share, which another CPU may change at the same time.

use perseq::section::{Protected, Slots};
use perseq::sequence;

struct Place {
    pointer: *mut u64,
    uses: u64,
}

struct Shared(Place);

// SAFETY: nobody runs this.
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

sequence! {
    fn count(shared: &Shared) {
        let uses: u64 = shared.uses;
        commit shared.uses = uses + 1;
    }
}

fn main() {
    count(&Shared(Place { pointer: core::ptr::null_mut(), uses: 0 }));
}
