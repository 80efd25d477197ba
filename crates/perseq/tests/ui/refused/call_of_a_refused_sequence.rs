//! Where a sequence is refused, its callers are not.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        item.value += n;
    }
}

fn main() {
    add(&PerCpu::new(|_| Item { value: 0, other: 0 }), 1);
}
