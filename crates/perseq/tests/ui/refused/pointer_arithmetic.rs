//! A pointer is moved by addition.

use perseq::{PerCpu, sequence};

struct Arena {
    top: *mut u8,
}

sequence! {
    unsafe fn bump(arena: &PerCpu<Arena>, n: usize) {
        let top: *mut u8 = arena.top;
        let end: *mut u8 = top + n;
        commit arena.top = end;
    }
}

fn main() {}
