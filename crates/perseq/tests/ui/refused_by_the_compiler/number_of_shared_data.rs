//! The number of a slot where there are none; the slots are a parameter of the type.

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
    fn whose<S: Protected<Item = Place>>(slots: &S) -> u32 {
        let number: u32 = slot_number();
        number
    }
}

fn main() {
    whose(&perseq::PerCpu::new(|_cpu| Place { pointer: core::ptr::null_mut(), uses: 0 }));
    whose(&Shared(Place { pointer: core::ptr::null_mut(), uses: 0 }));
}

// SAFETY: nobody follows the pointer.
unsafe impl Send for Place {}
