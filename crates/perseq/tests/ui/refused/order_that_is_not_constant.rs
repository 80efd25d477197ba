//! A commit asks a parameter for its order.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64, release: u8) {
        commit(release if release) item.value = n;
    }
}

fn main() {}
