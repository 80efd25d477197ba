//! A place has two indices that are computed.

use perseq::{PerCpu, sequence};

struct Grid {
    cells: [[u64; 8]; 8],
}

sequence! {
    fn add(item: &PerCpu<Grid>, x: usize, y: usize) {
        let value: u64 = item.cells[y][x];
        commit item.cells[0][0] = value;
    }
}

fn main() {}
