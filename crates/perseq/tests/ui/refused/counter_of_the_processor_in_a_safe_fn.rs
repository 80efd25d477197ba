//! A safe sequence reads a performance counter.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn read(item: &PerCpu<Item>) {
        let count: u64 = rdpmc(0);
        commit item.value = count;
    }
}

fn main() {}
