//! A field lies where no single access reaches it.

use perseq::{PerCpu, sequence};

#[repr(C, packed)]
struct Packed {
    tag: u8,
    value: u64,
}

sequence! {
    fn add(item: &PerCpu<Packed>, n: u64) {
        let value: u64 = item.value;
        commit item.value = value + n;
    }
}

fn main() {}
