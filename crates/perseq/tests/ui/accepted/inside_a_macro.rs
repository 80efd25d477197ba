//! Sequences that a macro writes: names from its caller and names of its own in one function.

use perseq::{PerCpu, sequence};

struct Words {
    small: u16,
    large: u64,
}

macro_rules! sequences {
    ($($name:ident: $field:ident of $ty:ty),*) => {
        sequence! { $(
            fn $name(words: &PerCpu<Words>, by: $ty) -> Option<$ty> {
                let old: $ty = words.$field;
                if old == by { return None; }
                commit words.$field = old + by;
                Some(old)
            }
        )* }
    };
}

sequences!(add_small: small of u16, add_large: large of u64);

fn main() {
    let words = PerCpu::new(|_cpu| Words { small: 1, large: 2 });
    assert_eq!(add_small(&words, 3), Some(1));
    assert_eq!(add_large(&words, 2), None);
}
