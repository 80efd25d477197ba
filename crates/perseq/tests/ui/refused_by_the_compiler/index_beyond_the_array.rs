//! A constant index is out of bounds.

use perseq::{PerCpu, sequence};

struct Row {
    cells: [u64; 8],
}

sequence! {
    fn add(row: &PerCpu<Row>) {
        let value: u64 = row.cells[8];
        commit row.cells[0] = value;
    }
}

fn main() {
    add(&PerCpu::new(|_cpu| Row { cells: [0; 8] }));
}
