//! A field is taken from a pointer that is not followed.

use perseq::{PerCpu, sequence};

struct Node {
    next: *mut Node,
}

struct List {
    top: *mut Node,
}

sequence! {
    unsafe fn next(list: &PerCpu<List>) -> *mut Node {
        let top: *mut Node = list.top;
        let next: *mut Node = top.next;
        next
    }
}

fn main() {}
