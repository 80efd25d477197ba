//! A value is shifted by a field whose type the source does not say.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    small: u32,
}

sequence! {
    fn scale(item: &PerCpu<Item>) {
        let value: u64 = item.value;
        commit item.value = value << item.small;
    }
}

fn main() {}
