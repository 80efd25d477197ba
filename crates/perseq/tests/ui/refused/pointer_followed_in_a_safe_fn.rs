//! A safe sequence follows a raw pointer.

use perseq::{PerCpu, sequence};

struct Node {
    next: *mut Node,
}

struct List {
    top: *mut Node,
}

sequence! {
    fn pop(list: &PerCpu<List>) -> *mut Node {
        let top: *mut Node = list.top;
        if top.is_null() { return top; }
        let next: *mut Node = (*top).next;
        commit list.top = next;
        top
    }
}

fn main() {}
