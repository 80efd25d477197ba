//! Places: fields, tuples, arrays and raw pointers, loaded, stored, copied and taken the address of.

use std::panic::AssertUnwindSafe;
use std::ptr::{NonNull, null_mut};

use perseq::{PerCpu, sequence};

struct Inner {
    pair: (u32, u16),
}

// So that 64-bit fields are aligned to their size on every target.
#[repr(align(8))]
struct Node {
    next: *mut Node,
    key: u64,
}

struct Item {
    inner: Inner,
    row: [u64; 4],
    nodes: [Inner; 3],
    top: *mut Node,
    used: usize,
    bytes: [u8; 32],
}

// SAFETY: the pointers lead to nodes that belong to the item.
unsafe impl Send for Item {}

sequence! {
    fn nested(item: &PerCpu<Item>, low: u16) -> u32 {
        let old: u32 = item.inner.pair.0;
        stage item.inner.pair.1 = low;
        commit item.inner.pair.0 = old + 1;
        old
    }

    fn constant_index(item: &PerCpu<Item>) -> u64 {
        let old: u64 = item.row[3];
        commit item.row[3] = old + 1;
        old
    }

    fn computed_index(item: &PerCpu<Item>, at: usize) -> u64 {
        let old: u64 = item.row[at];
        commit item.row[at] = old + 1;
        old
    }

    fn index_of_a_struct(item: &PerCpu<Item>, at: usize) -> u16 {
        let old: u16 = item.nodes[at].pair.1;
        commit item.nodes[at].pair.1 = old + 1;
        old
    }

    fn index_that_is_computed(item: &PerCpu<Item>, at: usize) -> u64 {
        let old: u64 = item.row[at + 1];
        let index: usize = item.used;
        let other: u64 = item.row[index & 3];
        old + other
    }

    /// Takes the first node off the list.
    ///
    /// # Safety
    /// Every node on the list must be valid.
    unsafe fn pop(item: &PerCpu<Item>) -> Option<NonNull<Node>> {
        let top: *mut Node = item.top;
        if top.is_null() { return None; }
        let next: *mut Node = (*top).next;
        commit item.top = next;
        NonNull::new(top)
    }

    /// Puts a node on the list.
    ///
    /// # Safety
    /// `node` must be valid, and nobody else's.
    unsafe fn push(item: &PerCpu<Item>, node: *mut Node) {
        let top: *mut Node = item.top;
        stage (*node).next = top;
        commit(release) item.top = node;
    }

    /// # Safety
    /// `at` must be valid.
    unsafe fn whole_word(item: &PerCpu<Item>, at: *mut usize) -> usize {
        let old: usize = *at;
        let null: *mut Node = null_mut();
        stage item.top = null;
        commit(relaxed) *at = old + 1;
        old
    }

    /// Replaces the bytes.
    ///
    /// # Safety
    /// `from` must be valid for `len` bytes.
    unsafe fn fill(item: &PerCpu<Item>, from: *const u8, len: usize) -> bool {
        let used: usize = item.used;
        if used > 0 || len > 32 { return false; }
        copy(&raw mut item.bytes, from, len);
        commit item.used = len;
        true
    }

    fn address_of_an_element(item: &PerCpu<Item>, at: usize) -> *mut u64 {
        let element: *mut u64 = &raw mut item.row[at];
        element
    }

    fn address(item: &PerCpu<Item>) -> *const u32 {
        let at: *const u32 = &raw const item.inner.pair.0;
        at
    }
}

fn everywhere(item: &PerCpu<Item>, f: impl Fn(&mut Item)) {
    (0..item.slots()).for_each(|cpu| item.exclusive(cpu, &f).unwrap());
}

fn main() {
    let item = PerCpu::new(|_cpu| Item {
        inner: Inner { pair: (4, 0) },
        row: [10, 20, 30, 40],
        nodes: [const { Inner { pair: (0, 7) } }; 3],
        top: null_mut(),
        used: 0,
        bytes: [0; 32],
    });
    assert_eq!(nested(&item, 5), 4);
    assert_eq!(constant_index(&item), 40);
    assert_eq!(computed_index(&item, 2), 30);
    assert_eq!(index_of_a_struct(&item, 2), 7);
    assert_eq!(index_that_is_computed(&item, 0), 30);
    assert!(std::panic::catch_unwind(AssertUnwindSafe(|| computed_index(&item, 4))).is_err());

    let mut node = Node { next: null_mut(), key: 3 };
    let mut word = 8;
    let text = b"restartable";
    // SAFETY: the node, the word and the text live until the end.
    unsafe {
        // One CPU's list, as long as nothing moves the thread; so pop until the node is found.
        push(&item, &mut node);
        let found = (0..1_000_000).find_map(|_| pop(&item)).map(|node| (*node.as_ptr()).key);
        assert!(found.is_none_or(|key| key == 3));
        everywhere(&item, |item| item.top = null_mut());
        assert_eq!(whole_word(&item, &mut word), 8);
        assert!(fill(&item, text.as_ptr(), text.len()));
        assert!(!fill(&item, text.as_ptr(), 33));
    }
    assert_eq!(word, 9);
    assert!(!address(&item).is_null());
    assert!(!address_of_an_element(&item, 3).is_null());
}
