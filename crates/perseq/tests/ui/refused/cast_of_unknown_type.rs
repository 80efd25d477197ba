//! A field whose type the source does not say is cast.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    small: u32,
}

sequence! {
    fn widen(item: &PerCpu<Item>) {
        let wide: u64 = item.small as u64;
        commit item.value = wide;
    }
}

fn main() {}
