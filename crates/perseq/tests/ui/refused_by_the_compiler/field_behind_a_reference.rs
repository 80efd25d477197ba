//! A place leads out of the slot through a reference.

use perseq::{PerCpu, sequence};

struct Total {
    sum: u64,
}

struct Item {
    total: &'static Total,
}

sequence! {
    fn read(item: &PerCpu<Item>) -> u64 {
        let sum: u64 = item.total.sum;
        sum
    }
}

fn main() {
    read(&PerCpu::new(|_cpu| Item { total: &Total { sum: 0 } }));
}
