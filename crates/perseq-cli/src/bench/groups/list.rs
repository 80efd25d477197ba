//! A free list: taking an object that somebody gave back, and giving it back.
//!
//! It is what pools and allocators do at every turn. Each contestant takes an object, counts in it, and gives it back; at the end
//! the counts must be the number of turns, so none was lost or given to two at once.

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_queue::{ArrayQueue, SegQueue};
use perseq::collections::list::{List, Node};
use thread_local::ThreadLocal;

use crate::bench::group::{Contestant, Field, Group, Setup, Threads};
use crate::bench::hot::{Same, Turn, UPDATES, updates};
use crate::bench::lanes::{Alone, forever, plain_add};

/// A free list.
pub const GROUP: Group = Group {
    name: "list",
    about: "Taking an object from a free list and giving it back",
    reference: "perseq",
    build,
};

/// Objects that a thread brings with it: more than are out at a time.
const OBJECTS: usize = 64;

fn build(setup: &Setup) -> Field {
    let seats = setup.cpus.len();
    let contestants =
        [Threads::One, Threads::All].into_iter().flat_map(|threads| rows(threads, seats)).collect();
    let notes = vec![
        "`perseq` has a list for each CPU, `thread_local_vec` one for each thread, whose objects nobody else can have; the \
         others have one for all threads, of which the queues give back what is oldest."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn rows(threads: Threads, seats: usize) -> Vec<Contestant> {
    let room = OBJECTS * seats;
    vec![
        perseq(threads, seats),
        thread_local_vec(threads, seats),
        shared("mutex_vec", threads, seats, std::sync::Mutex::default, |vec, object| {
            let mut vec = vec.lock().expect("nobody panics with it");
            swap(&mut vec, object)
        }),
        shared("parking_lot", threads, seats, parking_lot::Mutex::default, |vec, object| {
            swap(&mut vec.lock(), object)
        }),
        shared(
            "array_queue",
            threads,
            seats,
            move || ArrayQueue::new(room),
            |queue, object| match object {
                Some(object) => queue.push(object).err(),
                None => queue.pop(),
            },
        ),
        shared("seg_queue", threads, seats, SegQueue::new, |queue, object| match object {
            Some(object) => {
                queue.push(object);
                None
            }
            None => queue.pop(),
        }),
    ]
}

/// An object is a word to count in.
type Object = &'static AtomicU64;

/// Gives an object back, or takes one.
fn swap(vec: &mut Vec<Object>, object: Option<Object>) -> Option<Object> {
    match object {
        Some(object) => {
            vec.push(object);
            None
        }
        None => vec.pop(),
    }
}

/// Objects for each seat.
fn objects(seats: usize) -> &'static [[Alone; OBJECTS]] {
    forever((0..seats).map(|_| std::array::from_fn(|_| Alone::default())).collect::<Vec<_>>())
}

fn sum(objects: &[[Alone; OBJECTS]]) -> u64 {
    objects.iter().flatten().map(|object| object.0.load(Relaxed)).sum()
}

fn perseq(threads: Threads, seats: usize) -> Contestant {
    let list: &List<'static, Object> = forever(List::new());
    let objects = objects(seats);
    Contestant::new("perseq", Same::NAME, threads, UPDATES, move |seat| {
        for object in &objects[seat.index] {
            list.push(Box::leak(Box::new(Node::new(&object.0))));
        }
        Ok(updates!(Same, |_i| {
            if let Some(node) = list.pop() {
                plain_add(node.value, 1);
                list.push(node);
            }
        }))
    })
    .counted_by(move || sum(objects))
}

fn thread_local_vec(threads: Threads, seats: usize) -> Contestant {
    let free: &ThreadLocal<RefCell<Vec<Object>>> = forever(ThreadLocal::new());
    let objects = objects(seats);
    Contestant::new("thread_local_vec", Same::NAME, threads, UPDATES, move |seat| {
        let mine = &objects[seat.index];
        *free.get_or_default().borrow_mut() = mine.iter().map(|object| &object.0).collect();
        Ok(updates!(Same, |_i| {
            let popped = free.get_or_default().borrow_mut().pop();
            if let Some(object) = popped {
                plain_add(object, 1);
                free.get_or_default().borrow_mut().push(object);
            }
        }))
    })
    .counted_by(move || sum(objects))
}

/// A list for all threads: `step` gives an object back, or takes one.
fn shared<L: Sync + 'static>(
    name: &'static str,
    threads: Threads,
    seats: usize,
    make: impl Fn() -> L,
    step: impl Fn(&L, Option<Object>) -> Option<Object> + Copy + Send + Sync + 'static,
) -> Contestant {
    let list: &L = forever(make());
    let objects = objects(seats);
    Contestant::new(name, Same::NAME, threads, UPDATES, move |seat| {
        for object in &objects[seat.index] {
            step(list, Some(&object.0));
        }
        Ok(updates!(Same, |_i| {
            if let Some(object) = step(list, None) {
                plain_add(object, 1);
                step(list, Some(object));
            }
        }))
    })
    .counted_by(move || sum(objects))
}
