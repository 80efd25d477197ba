//! `copy` is given two arguments.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    unsafe fn fill(item: &PerCpu<Item>, to: *mut u8, from: *const u8) {
        copy(to, from);
        commit item.value = 1;
    }
}

fn main() {}
