//! A macro is run before the commit.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        println!("{value}");
        commit item.value = value + n;
    }
}

fn main() {}
