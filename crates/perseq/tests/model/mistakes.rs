//! Sequences that are wrong in one way each, and what the checker says of them; beside each, the same without the mistake.

use core::ptr::null_mut;

use perseq::model::{Failure, Model};
use perseq::section::Slots;
use perseq::{PerCpu, sequence};

struct Pair {
    a: u64,
    b: u64,
}

sequence! {
    /// Wrong: `a` is visible before the commit.
    fn add_torn(pair: &PerCpu<Pair>) {
        let a: u64 = pair.a;
        let b: u64 = pair.b;
        stage pair.a = a + 1;
        commit pair.b = b + 1;
    }

    fn add_one(pair: &PerCpu<Pair>) {
        let b: u64 = pair.b;
        commit pair.b = b + 1;
    }
}

fn pairs() -> PerCpu<Pair> {
    PerCpu::new(|_cpu| Pair { a: 0, b: 0 })
}

fn pair(pairs: &PerCpu<Pair>) -> (u64, u64) {
    pairs.exclusive(0, |pair| (pair.a, pair.b)).expect("a slot")
}

fn failure(model: &Model<'_, impl Sized>) -> Failure {
    let failure = model.explore().expect_err("the model must fail");
    println!("{failure}");
    failure
}

#[test]
fn a_staged_store_to_a_visible_place_is_found() {
    let equal = |pairs: &PerCpu<Pair>| {
        let (a, b) = pair(pairs);
        assert_eq!(a, b);
    };
    let model = Model::new(pairs).thread(add_torn).finally(equal);
    let failure = failure(&model);
    assert_eq!(failure.interventions(), 1, "one signal between stage and commit");
    assert!(failure.message().contains("left == right"), "{failure}");
    assert!(failure.to_string().contains("add_torn: stage pair.a"), "{failure}");
}

#[test]
fn an_invariant_is_looked_at_in_every_state() {
    // After the section, both are right again: only in between are they not.
    let model = Model::new(pairs).thread(add_torn).invariant(|pairs| {
        let (a, b) = pair(pairs);
        assert!(a <= b, "{a} > {b}");
    });
    assert_eq!(failure(&model).interventions(), 0);
}

#[test]
fn a_single_commit_is_proven() {
    let model = Model::new(pairs)
        .thread(add_one)
        .thread(add_one)
        .thread_on(1, |pairs| pairs.exclusive(0, |pair| pair.b += 1).expect("a slot"))
        .finally(|pairs| assert_eq!(pair(pairs), (0, 3)));
    let explored = model.check();
    assert!(explored.states() > 50, "{explored}");
}

/// The same slots, for sequences that do not look at the gate.
struct PastGates<T>(PerCpu<T>);

// SAFETY: the slots of the `PerCpu`, but for the gate, which is what is wrong here; the threads of a model are one thread of the
// system.
unsafe impl<T> Slots for PastGates<T> {
    type Item = T;
    const SHIFT: u32 = <PerCpu<T> as Slots>::SHIFT;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = <PerCpu<T> as Slots>::VALUE_OFFSET;
    fn base(&self) -> *mut u8 {
        Slots::base(&self.0)
    }
}

sequence! {
    /// Wrong: whoever owns the slot may be changing it.
    #[slow_path(slowly)]
    fn add_past_the_gate(pair: &PastGates<Pair>) {
        let b: u64 = pair.b;
        commit pair.b = b + 1;
    }
}

fn slowly(pairs: &PastGates<Pair>) {
    pairs.0.exclusive(0, |pair| pair.b += 1).expect("a slot");
}

#[test]
fn a_missing_look_at_the_gate_loses_an_update() {
    let model = Model::new(|| PastGates(pairs()))
        .thread(add_past_the_gate)
        .thread_on(1, |pairs| pairs.0.exclusive(0, |pair| pair.b += 1).expect("a slot"))
        .finally(|pairs| assert_eq!(pair(&pairs.0), (0, 2)));
    let failure = failure(&model);
    // The section begins between the fence and the closure, and ends after it.
    assert!(failure.interventions() <= 2, "{failure}");
    assert!(failure.to_string().contains("change the slot"), "{failure}");
}

struct Node {
    next: *mut Node,
}

struct Head {
    top: *mut Node,
}

// SAFETY: the nodes belong to the list.
unsafe impl Send for Head {}

sequence! {
    unsafe fn push(list: &PerCpu<Head>, node: *mut Node) {
        let top: *mut Node = list.top;
        stage (*node).next = top;
        commit list.top = node;
    }

    unsafe fn pop(list: &PerCpu<Head>) -> *mut Node {
        let top: *mut Node = list.top;
        if top.is_null() { return null_mut(); }
        let next: *mut Node = (*top).next;
        commit list.top = next;
        top
    }

    /// The first half of a pop.
    unsafe fn look(list: &PerCpu<Head>) -> Option<(*mut Node, *mut Node)> {
        let top: *mut Node = list.top;
        if top.is_null() { return None; }
        let next: *mut Node = (*top).next;
        Some((top, next))
    }

    /// The second half: a compare-and-swap.
    unsafe fn replace(list: &PerCpu<Head>, expected: *mut Node, next: *mut Node) -> bool {
        let top: *mut Node = list.top;
        if top != expected { return false; }
        commit list.top = next;
        true
    }
}

/// Wrong: what was read in one section is used in another.
unsafe fn pop_in_two(list: &PerCpu<Head>) -> *mut Node {
    for _ in 0..3 {
        // SAFETY: the caller's promise.
        let Some((top, next)) = (unsafe { look(list) }) else { return null_mut() };
        // SAFETY: the caller's promise.
        if unsafe { replace(list, top, next) } {
            return top;
        }
    }
    null_mut()
}

struct Stacked {
    list: PerCpu<Head>,
    nodes: [*mut Node; 2],
    out: core::cell::Cell<usize>,
}

impl Drop for Stacked {
    fn drop(&mut self) {
        // SAFETY: made by `stacked`, and nobody uses the list any more.
        self.nodes.into_iter().for_each(|node| drop(unsafe { Box::from_raw(node) }));
    }
}

fn stacked() -> Stacked {
    let list = PerCpu::new(|_cpu| Head { top: null_mut() });
    let nodes = [(); 2].map(|()| Box::into_raw(Box::new(Node { next: null_mut() })));
    // SAFETY: the nodes live as long as the list.
    nodes.into_iter().for_each(|node| unsafe { push(&list, node) });
    Stacked { list, nodes, out: core::cell::Cell::new(0) }
}

/// Nodes in the list, or with whoever has popped them, are all there are.
fn all_there(stacked: &Stacked) {
    let mut in_list = 0;
    // SAFETY: as above.
    while in_list <= 2 && unsafe { !pop(&stacked.list).is_null() } {
        in_list += 1;
    }
    assert_eq!(in_list + stacked.out.get(), 2, "nodes");
}

fn popping(pop: unsafe fn(&PerCpu<Head>) -> *mut Node) -> Model<'static, Stacked> {
    let keep = move |stacked: &Stacked| {
        // SAFETY: the nodes live as long as the list.
        if unsafe { !pop(&stacked.list).is_null() } {
            stacked.out.set(stacked.out.get() + 1);
        }
    };
    Model::new(stacked)
        .thread(keep)
        .thread(move |stacked| {
            // Takes both, and gives the first back: the same top as before, with another node behind it.
            // SAFETY: the nodes live as long as the list.
            unsafe {
                let (first, second) = (pop(&stacked.list), pop(&stacked.list));
                stacked.out.set(stacked.out.get() + usize::from(!second.is_null()));
                if !first.is_null() {
                    push(&stacked.list, first);
                }
            }
        })
        .finally(all_there)
}

#[test]
fn an_aba_by_reading_outside_the_section_is_found() {
    let failure = failure(&popping(pop_in_two));
    assert_eq!(failure.interventions(), 1, "{failure}");
    assert!(failure.to_string().contains("replace: commit list.top"), "{failure}");
}

#[test]
fn reading_inside_the_section_has_no_aba() {
    println!("{}", popping(pop).check());
}

#[test]
fn a_deadlock_is_found() {
    let cross = |first: u32, second: u32| {
        move |pairs: &PerCpu<Pair>| {
            pairs.exclusive(first, |_| pairs.exclusive(second, |_| ()).expect("a slot")).expect("a slot");
        }
    };
    let model = Model::new(pairs).thread(cross(0, 1)).thread_on(1, cross(1, 0));
    if pairs().slots() < 2 {
        println!("skipped: two slots are needed");
        return;
    }
    assert!(failure(&model).message().contains("deadlock"));
}

#[test]
fn what_differs_each_time_is_refused() {
    let calls = core::cell::Cell::new(0);
    let model = Model::new(pairs).thread(|pairs| {
        calls.set(calls.get() + 1);
        (0..calls.get() % 7).for_each(|_| add_one(pairs));
    });
    let model = model.thread(add_one);
    assert!(failure(&model).message().contains("the same each time"));
}

#[test]
fn a_model_that_is_too_large_is_refused() {
    let often = |pairs: &PerCpu<Pair>| (0..3).for_each(|_| add_one(pairs));
    let model = Model::new(pairs).thread(often).thread(often).limit(10);
    assert!(failure(&model).message().contains("more than 10 states"));
}

#[test]
fn a_loop_without_end_is_found() {
    let model = Model::new(pairs).thread(|pairs| while pair(pairs).0 == 0 {});
    assert!(failure(&model).message().contains("does not end"));
}
