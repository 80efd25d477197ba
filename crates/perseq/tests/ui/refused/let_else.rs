//! `let … else` leaves the sequence.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        let value: u64 = item.value else { return };
        commit item.value = value;
    }
}

fn main() {}
