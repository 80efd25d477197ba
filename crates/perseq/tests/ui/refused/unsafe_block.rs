//! An `unsafe` block follows a pointer.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: *mut u64) {
        unsafe { *n = 1; }
        commit item.value = 1;
    }
}

fn main() {}
