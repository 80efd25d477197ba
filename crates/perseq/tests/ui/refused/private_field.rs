//! A sequence reaches into a struct of another module.

use perseq::{PerCpu, sequence};

mod private {
    #[derive(Default)]
    pub struct Item {
        value: u64,
    }
}

use private::Item;

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        commit item.value = value + n;
    }
}

fn main() {}
