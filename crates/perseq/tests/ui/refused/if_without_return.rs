//! A branch does something else than leave.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        if value == 0 {
            stage item.other = n;
        }
        commit item.value = value + n;
    }
}

fn main() {}
