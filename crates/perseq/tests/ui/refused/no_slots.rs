//! A sequence has nothing to work on.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(n: u64) {
        let value: u64 = n;
    }
}

fn main() {}
