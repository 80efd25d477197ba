//! Nothing says what a stored null pointer points to.

use core::ptr::null_mut;

use perseq::{PerCpu, sequence};

struct Item {
    top: *mut u8,
}

sequence! {
    fn clear(item: &PerCpu<Item>) {
        commit item.top = null_mut();
    }
}

fn main() {}
