//! A commit asks for an order that does not exist.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        commit(seqcst) item.value = n;
    }
}

fn main() {}
