//! A reference to a field is formed.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn address(item: &PerCpu<Item>) {
        let at: *const u64 = &item.value;
        commit item.other = 1;
    }
}

fn main() {}
