//! An index has a type that does not index.

use perseq::{PerCpu, sequence};

struct Row {
    cells: [u64; 8],
}

sequence! {
    fn add(item: &PerCpu<Row>, at: u32) {
        let value: u64 = item.cells[at];
        commit item.cells[at] = value + 1;
    }
}

fn main() {}
