//! More values are alive at once than there are registers.

use perseq::{PerCpu, sequence};

struct Many {
    words: [u64; 8],
}

sequence! {
    fn sum(item: &PerCpu<Many>) -> u64 {
        let a: u64 = item.words[0];
        let b: u64 = item.words[1];
        let c: u64 = item.words[2];
        let d: u64 = item.words[3];
        let e: u64 = item.words[4];
        let f: u64 = item.words[5];
        let g: u64 = item.words[6];
        let h: u64 = item.words[7];
        a + b + c + d + e + f + g + h
    }
}

fn main() {}
