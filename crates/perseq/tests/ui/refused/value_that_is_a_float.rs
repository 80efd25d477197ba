//! A value has a type that the general registers do not hold.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        let value: f64 = item.value;
        commit item.value = value;
    }
}

fn main() {}
