//! A function is called before the commit.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

fn log(_n: u64) {}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        log(n);
        commit item.value = n;
    }
}

fn main() {}
