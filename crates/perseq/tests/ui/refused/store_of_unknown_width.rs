//! Nothing says how wide a stored literal is.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    small: u32,
}

sequence! {
    fn clear(item: &PerCpu<Item>) {
        commit item.value = 0;
    }
}

fn main() {}
