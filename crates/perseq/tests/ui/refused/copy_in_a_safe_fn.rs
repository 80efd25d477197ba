//! A safe sequence copies from and to raw pointers.

use perseq::{PerCpu, sequence};

struct Item {
    used: usize,
    bytes: [u8; 64],
}

sequence! {
    fn fill(item: &PerCpu<Item>, from: *const u8, len: usize) {
        let to: *mut u8 = &raw mut item.bytes;
        copy(to, from, len);
        commit item.used = len;
    }
}

fn main() {}
