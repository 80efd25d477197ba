//! A commit depends on a condition that does not leave.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    small: u32,
}

sequence! {
    fn raise(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        if value < n {
            commit item.value = n;
        }
    }
}

fn main() {}
