//! A value is bound to a name that does not exist.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    small: u32,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        let value: u64 = amount;
        commit item.value = value;
    }
}

fn main() {}
