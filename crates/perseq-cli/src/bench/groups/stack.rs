//! A bounded stack: taking the topmost object and putting it back, and the same with 32 objects at once.
//!
//! Single objects are what a pool does at every turn, batches what it does between its magazines and its depot.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use perseq::collections::stack::Stack;
use thread_local::ThreadLocal;

use crate::bench::arch::clobber;
use crate::bench::group::{Contestant, Field, Group, Op, Setup, Threads};
use crate::bench::lanes::{forever, plain_add};
use crate::bench::objects::{
    OBJECTS, Object, array_queue, mutex_vecs, objects, shared, sum, thread_local_vec,
};

/// A stack.
pub const GROUP: Group = Group {
    name: "stack",
    about: "Taking objects from a bounded stack and putting them back, one by one and 32 at once",
    reference: "perseq",
    build,
};

/// Objects in a batch.
const BATCH: usize = 32;
const BATCHED: &str = "batch";
/// Room on each stack: for the objects of two threads.
const ROOM: usize = 4 * OBJECTS;

fn build(setup: &Setup) -> Field {
    let seats = setup.cpus.len();
    let contestants =
        [Threads::One, Threads::All].into_iter().flat_map(|threads| rows(threads, seats)).collect();
    let notes = vec![
        "`perseq` has a stack for each CPU, `thread_local_vec` one for each thread, whose objects nobody else can have; the \
         others have one for all threads, of which `array_queue` gives back what is oldest. The figure of a batch is \
         that of one of its objects."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn rows(threads: Threads, seats: usize) -> Vec<Contestant> {
    let perseq = shared("perseq", threads, seats, Stack::<Object, ROOM>::new, |stack, object| match object {
        Some(object) => stack.push(object).err(),
        None => stack.pop(),
    });
    let mut rows = vec![perseq, thread_local_vec(threads, seats)];
    rows.extend(mutex_vecs(threads, seats));
    rows.extend([
        array_queue(threads, seats),
        perseq_batch(threads, seats),
        thread_local_batch(threads, seats),
        mutex_batch(threads, seats),
    ]);
    rows
}

/// An operation that moves batches: `swap` takes a batch, counts its length in one of its objects, and puts it back.
fn batches(mut swap: impl FnMut() + 'static) -> Op {
    Box::new(move |n| {
        for _ in 0..n / BATCH as u64 {
            swap();
            clobber();
        }
    })
}

fn count(batch: &[Object]) {
    if let Some(first) = batch.first() {
        plain_add(first, batch.len() as u64);
    }
}

fn perseq_batch(threads: Threads, seats: usize) -> Contestant {
    let stack: &Stack<Object, ROOM> = forever(Stack::new());
    let objects = objects(seats);
    Contestant::new("perseq", BATCHED, threads, BATCH as u64, move |seat| {
        for object in &objects[seat.index] {
            stack.push(&object.0).map_err(|_| "the stack is full")?;
        }
        let mut room = [const { MaybeUninit::uninit() }; BATCH];
        Ok(batches(move || {
            let batch = stack.pop_slice(&mut room);
            count(batch);
            stack.push_slice(batch);
        }))
    })
    .counted_by(move || sum(objects))
}

/// Takes the topmost objects of `vec` into `batch`, counts, and puts them back.
fn swap_batch(vec: &mut Vec<Object>, batch: &mut Vec<Object>) {
    let rest = vec.len().saturating_sub(BATCH);
    batch.extend_from_slice(&vec[rest..]);
    vec.truncate(rest);
    count(batch);
}

fn thread_local_batch(threads: Threads, seats: usize) -> Contestant {
    let free: &ThreadLocal<RefCell<Vec<Object>>> = forever(ThreadLocal::new());
    let objects = objects(seats);
    Contestant::new("thread_local_vec", BATCHED, threads, BATCH as u64, move |seat| {
        *free.get_or_default().borrow_mut() = objects[seat.index].iter().map(|object| &object.0).collect();
        let mut batch = Vec::with_capacity(BATCH);
        Ok(batches(move || {
            swap_batch(&mut free.get_or_default().borrow_mut(), &mut batch);
            clobber();
            free.get_or_default().borrow_mut().append(&mut batch);
        }))
    })
    .counted_by(move || sum(objects))
}

fn mutex_batch(threads: Threads, seats: usize) -> Contestant {
    let free: &parking_lot::Mutex<Vec<Object>> = forever(parking_lot::Mutex::default());
    let objects = objects(seats);
    Contestant::new("parking_lot", BATCHED, threads, BATCH as u64, move |seat| {
        free.lock().extend(objects[seat.index].iter().map(|object| &object.0));
        let mut batch = Vec::with_capacity(BATCH);
        Ok(batches(move || {
            swap_batch(&mut free.lock(), &mut batch);
            clobber();
            free.lock().append(&mut batch);
        }))
    })
    .counted_by(move || sum(objects))
}
