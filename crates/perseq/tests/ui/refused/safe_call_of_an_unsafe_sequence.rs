//! A sequence that follows a raw pointer is called without `unsafe`.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    /// # Safety
    /// `at` must be valid for reads.
    unsafe fn fetch(item: &PerCpu<Item>, at: *const u64) {
        let value: u64 = *at;
        commit item.value = value;
    }
}

fn main() {
    fetch(&PerCpu::new(|_| Item { value: 0, other: 0 }), &1);
}
