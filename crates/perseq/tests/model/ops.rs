//! The operations of librseq, three threads with three operations each on one CPU.

use std::cell::{Cell, RefCell};

use perseq::PerCpu;
use perseq::model::{Model, known, shared_access};
use perseq::ops::{self, Outcome, Relaxed, Release};

use super::collections::prove;

struct Words {
    words: PerCpu<[isize; 3]>,
    /// Operations that say that they have committed.
    committed: Cell<isize>,
}

impl Words {
    fn new() -> Self {
        Self { words: PerCpu::new(|_cpu| [0; 3]), committed: Cell::new(0) }
    }

    /// The address of a word of CPU 0.
    fn word(&self, number: usize) -> *mut isize {
        self.words.item(0).expect("a slot").as_ptr().cast::<isize>().wrapping_add(number)
    }

    fn count(&self, outcome: Outcome) {
        assert_ne!(outcome, Outcome::Aborted, "nobody moves here");
        self.committed.set(self.committed.get() + isize::from(outcome == Outcome::Committed));
    }

    fn now(&self) -> [isize; 3] {
        self.words.exclusive(0, |words| *words).expect("a slot")
    }
}

#[test]
fn load_add_store() {
    let add = |words: &Words| {
        for _ in 0..3 {
            // SAFETY: a word of the slot.
            words.count(unsafe { ops::load_add_store(&words.words, Relaxed, words.word(0), 1, 0) });
        }
    };
    let model = Model::new(Words::new).thread(add).thread(add).thread(add);
    prove(
        "load_add_store",
        &model.finally(|words| assert_eq!((words.now()[0], words.committed.get()), (9, 9))),
    );
}

#[test]
fn load_cbne_store_store() {
    // Three times from what was there to the next number; whoever comes too late says so.
    let step = |words: &Words| {
        for expect in 0..3 {
            let (v, v2) = (words.word(0), words.word(1));
            // SAFETY: words of the slot.
            words.count(unsafe {
                ops::load_cbne_store_store(&words.words, Release, v, expect, v2, expect + 1, expect + 1, 0)
            });
        }
    };
    let model = Model::new(Words::new).thread(step).thread(step).thread(step);
    let model = model.finally(|words| {
        let [v, v2, _] = words.now();
        assert_eq!(v, words.committed.get(), "each commit is one step");
        // What was staged is that of the last commit, or of a section that was aborted after it.
        assert!(v2 == v || v2 == v + 1);
    });
    prove("load_cbne_store_store", &model);
}

#[test]
fn load_cbne_load_cbne_store() {
    let step = |words: &Words| {
        for expect in 0..3 {
            let (v, v2) = (words.word(0), words.word(1));
            // SAFETY: words of the slot.
            words.count(unsafe {
                ops::load_cbne_load_cbne_store(&words.words, Relaxed, v, expect, v2, 0, expect + 1, 0)
            });
        }
    };
    let model = Model::new(Words::new).thread(step).thread(step).thread_on(1, |words| {
        words.words.exclusive(0, |words| words[1] = 1).expect("a slot");
    });
    let model = model.finally(|words| assert_eq!(words.now(), [words.committed.get(), 1, 0]));
    prove("load_cbne_load_cbne_store", &model);
}

#[test]
fn load_cbeq_store_add_load_store_and_load_cbne_store() {
    /// A list of three nodes, each the address of the next.
    struct List {
        tops: PerCpu<isize>,
        nodes: Box<[Cell<isize>; 3]>,
        popped: RefCell<Vec<isize>>,
    }
    impl List {
        fn top(&self) -> *mut isize {
            self.tops.item(0).expect("a slot").as_ptr()
        }
        fn pop(&self) -> Option<isize> {
            let mut node = 0;
            let top = self.top();
            // SAFETY: the top of the slot, and a list of nodes that live.
            let outcome = unsafe {
                ops::load_cbeq_store_add_load_store(&self.tops, Relaxed, top, 0, 0, &raw mut node, 0)
            };
            (outcome == Outcome::Committed).then_some(node)
        }
        fn push(&self, node: isize) {
            loop {
                shared_access();
                // SAFETY: a word of the slot; the node is ours.
                let expect = unsafe { self.top().read_volatile() };
                // SAFETY: as above.
                unsafe { (node as *mut isize).write_volatile(expect) };
                // SAFETY: as above.
                let outcome =
                    unsafe { ops::load_cbne_store(&self.tops, Relaxed, self.top(), expect, node, 0) };
                if outcome == Outcome::Committed {
                    return;
                }
            }
        }
    }
    let list = || {
        let nodes = Box::new([0; 3].map(Cell::new));
        known(&*nodes);
        let at = |node: usize| nodes[node].as_ptr() as isize;
        nodes[0].set(at(1));
        nodes[1].set(at(2));
        List { tops: PerCpu::new(|cpu| if cpu == 0 { at(0) } else { 0 }), nodes, popped: RefCell::default() }
    };
    let keep = |list: &List| {
        let popped = list.pop();
        list.popped.borrow_mut().extend(popped);
    };
    let model = Model::new(list)
        .thread(move |list| (0..2).for_each(|_| keep(list)))
        .thread(keep)
        .thread(|list| {
            if let Some(node) = list.pop() {
                list.push(node);
            }
        })
        .finally(|list| {
            let mut all = list.popped.borrow().clone();
            all.extend(core::iter::from_fn(|| list.pop()));
            all.sort_unstable();
            assert_eq!(all, list.nodes.each_ref().map(|node| node.as_ptr() as isize));
        });
    prove("load_cbeq_store_add_load_store", &model);
}

#[test]
fn load_cbne_memcpy_store() {
    let record = |of: u8| {
        move |words: &Words| {
            for expect in 0..3 {
                let bytes = [of; 8];
                let (v, to) = (words.word(0), words.word(1).cast::<u8>());
                // SAFETY: words of the slot, and so many bytes.
                words.count(unsafe {
                    ops::load_cbne_memcpy_store(
                        &words.words,
                        Release,
                        v,
                        expect,
                        to,
                        bytes.as_ptr(),
                        bytes.len(),
                        expect + 1,
                        0,
                    )
                });
            }
        }
    };
    let model = Model::new(Words::new).thread(record(1)).thread(record(2)).finally(|words| {
        let [v, bytes, _] = words.now();
        assert_eq!(v, words.committed.get());
        assert!([[1; 8], [2; 8]].contains(&(bytes as u64).to_ne_bytes()), "bytes of one thread");
    });
    prove("load_cbne_memcpy_store", &model);
}
